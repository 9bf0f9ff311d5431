// This module is browser compatible.
/** Self-critical sequence training (Rennie et al., 2017): learning from the score of captions that the model drew. */

import type { WordBatch } from "../data/batches.ts";
import { cutRows, type RowRange } from "../data/parts.ts";
import { cutBatch } from "../models/batch_parts.ts";
import type { Caption } from "../models/beam_history.ts";
import { beamSearch } from "../models/beam_search.ts";
import type { CaptionModel } from "../models/caption_model.ts";
import { outputOf } from "../models/decoder.ts";
import { type HostPictures, uploadPictures } from "../models/device_batch.ts";
import { sampleCaptions } from "../models/sample.ts";
import { embedding, reshape, scale, weightedCrossEntropy } from "../ops/mod.ts";
import { hash32 } from "../random.ts";
import { scope } from "../scope.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { END, PAD, START } from "../text/vocabulary.ts";
import { CollapseGuard } from "./collapse.ts";
import { ALONE } from "./communicator.ts";
import { tallyDrawn } from "./drawn_tally.ts";
import type { RewardSource } from "./reward_source.ts";
import type { Reading, Trainer } from "./trainer.ts";

/** What a caption's reward is compared with: the greedy caption's, or the mean of the picture's other samples'. */
export const BASELINES = ["samples", "greedy"] as const;

/** Options of {@linkcode SelfCritical}. */
export interface SelfCriticalOptions {
  /** S, captions drawn for each picture; at least 2 for the baseline "samples". */
  readonly samples: number;
  readonly baseline: (typeof BASELINES)[number];
  /** Names the drawn words. */
  readonly seed: number;
  /** Most words of a caption, the end token included. Default 50. */
  readonly maxLength?: number;
  /** The word of each id. */
  readonly words: readonly string[];
}

const MAX_LENGTH = 50;

/** What a model says of pictures. */
interface Said {
  /** The captions drawn of each. */
  readonly drawn: readonly Caption[][];
  /** Greedy ones, where they are the baseline. */
  readonly greedy: readonly Caption[];
}

/** Words of captions as a decoder is trained on them, time first: T steps, N captions. */
interface Rewrite {
  /** Words read and to predict [T, N]. */
  readonly inputs: Uint32Array;
  readonly targets: Uint32Array;
  readonly shape: readonly [T: number, N: number];
}

/**
 * Takes self-critical steps: draws captions on the device, scores them, and makes those likelier that beat the baseline.
 *
 * The loss is −Σ advantage · log p(word) over all drawn words, divided by their number. Batch norm uses its running
 * statistics and there is no dropout, so that the gradient is that of the very policy that drew. The reward is computed
 * while the device reads the drawn words; `rewardMs` says what it took, `rewardWaitMs` how long the step waited for it.
 *
 * An encoder that is trained sees the pictures twice, to draw and for the gradient. A frozen one would say the same again:
 * it sees them once, or not at all where the batch carries its features.
 */
export class SelfCritical {
  readonly guard: CollapseGuard = new CollapseGuard();
  readonly #trainer: Trainer;
  readonly #reward: RewardSource;
  readonly #options: SelfCriticalOptions;
  /** Numbers of the unread steps that the host knows. */
  #notes: { readonly crossEntropy: number; readonly extra: Readonly<Record<string, number>> }[] = [];

  /** @throws {RangeError} If there are too few samples for the baseline. */
  constructor(trainer: Trainer, reward: RewardSource, options: SelfCriticalOptions) {
    const { samples, baseline } = options;
    const least = baseline === "samples" ? 2 : 1;
    if (!(Number.isInteger(samples) && samples >= least)) {
      throw new RangeError(
        `Cannot train on ${samples} samples of each picture: the baseline "${baseline}" needs at least ${least}`,
      );
    }
    this.#trainer = trainer;
    this.#reward = reward;
    this.#options = options;
  }

  get steps(): number {
    return this.#trainer.steps;
  }

  get unread(): number {
    return this.#trainer.unread;
  }

  /**
   * Draws, scores, and moves the model. Of the batch only the pictures are used; a team shares them, and draws what one
   * process would.
   *
   * @param batch Features only where the encoder is frozen.
   */
  async step(batch: WordBatch & HostPictures): Promise<void> {
    const { model, team } = this.#trainer;
    const [range] = cutRows(batch.images.length, team?.group ?? ALONE);
    const [part] = cutBatch(batch, [range]);
    const see = () =>
      model.features({ ...uploadPictures(model.backend, part), rows: range.count }, { training: false });
    const features = scope(see);
    const frozen = this.#trainer.encoderFrozen;
    try {
      const said = await this.#draw(features, range);
      if (!frozen) features.dispose();
      await this.#learn(batch, range, { ...said, see: frozen ? () => features : see });
    } finally {
      features.dispose();
    }
  }

  /** Makes those drawn captions likelier that beat the baseline. @param said `see` makes the features [B, P, D]. */
  async #learn(
    batch: WordBatch,
    range: RowRange,
    { drawn, greedy, see }: Said & { readonly see: () => Tensor },
  ): Promise<void> {
    const { model, team: { group } = { group: ALONE } } = this.#trainer;
    const { samples, words, maxLength = MAX_LENGTH } = this.#options;
    const pictures = batch.images.length;
    const images = batch.images.subarray(range.first, range.first + range.count);
    const captions = drawn.flat();
    const both = [...captions, ...greedy];
    const places = Array.from(
      both,
      (_, n) => n < captions.length ? images[Math.floor(n / samples)] : images[n - captions.length],
    );
    const scoring = this.#reward.score(places, both.map(({ ids }) => ids));

    // The device reads the drawn words while they are scored: of the loss only the weights wait.
    const rewrite = rewriteOf(captions);
    const { shape } = rewrite;
    const upload = (data: Uint32Array, label: string) =>
      tensor(model.backend, data, { shape, type: "u32", label });
    const pending = this.#trainer.begin(() => {
      const rows = Array.from(captions, (_, n) => Math.floor(n / samples));
      const image = tensor(model.backend, rows, { type: "u32", label: "image of caption" });
      return predictRows(model, see(), { image, inputs: upload(rewrite.inputs, "inputs") });
    });
    const started = performance.now();
    const { scores: rewards, ms: rewardMs } = await scoring.catch((error) => {
      pending.dispose();
      throw error;
    });
    const rewardWaitMs = performance.now() - started;
    const tally = tallyDrawn(group, { drawn, rewards, range }, { pictures, maxLength });
    const baselines = baselinesOf(rewards, { captions: captions.length, samples });
    const advantages = baselines.map((baseline, n) => rewards[n] - baseline);
    const own = range.borrowed ? 0 : captions.reduce((sum, { ids }) => sum + ids.length, 0);
    await pending.finish((logits) => {
      const targets = upload(rewrite.targets, "targets");
      const each = weightsOf(captions, advantages, shape);
      const weights = tensor(model.backend, each, { shape, label: "advantages" });
      const mean = weightedCrossEntropy(logits, { targets, weights, ignored: PAD });
      const loss = own === tally.words ? mean : scale(mean, own / tally.words);
      return { loss, crossEntropy: loss };
    });

    const extra: Record<string, number> = { reward: tally.reward, rewardMs, rewardWaitMs };
    if (greedy.length > 0) extra.greedyReward = tally.greedyReward;
    this.#notes.push({ crossEntropy: -tally.logProbability, extra });
    if (group.rank > 0) return; // the first speaks for all
    const spell = (ids: ArrayLike<number>) => Array.from(ids).filter((id) => id > END).map((id) => words[id]);
    tally.firstCaptions.forEach((ids, b) => {
      const reference = batch.captions.subarray(b * batch.columns, (b + 1) * batch.columns);
      this.guard.add({ words: spell(ids), finished: ids.at(-1) === END }, spell(reference));
    });
  }

  /** As the trainer's; the cross entropy is that of the drawn words: it falls as the model becomes sure. */
  async readings(): Promise<Reading[]> {
    const notes = this.#notes;
    this.#notes = [];
    return (await this.#trainer.readings()).map((reading, i) => {
      const { crossEntropy, extra } = notes[i];
      return { ...reading, crossEntropy, extra: { ...reading.extra, ...extra } };
    });
  }

  /** Captions of the pictures behind features [B, P, D]. */
  async #draw(features: Tensor, { first }: RowRange): Promise<Said> {
    const { samples, baseline, seed, maxLength = MAX_LENGTH } = this.#options;
    const { decoder } = this.#trainer.model;
    const draw = { samples, seed: hash32(seed, this.steps), maxLength, firstImage: first };
    const drawn = await sampleCaptions(decoder, features, draw);
    if (baseline === "samples") return { drawn, greedy: [] };
    const greedy = await beamSearch(decoder, features, { beam: 1, maxLength });
    return { drawn, greedy: greedy.map(([best]) => best) };
  }
}

/**
 * What each drawn caption is compared with.
 *
 * @param rewards Those of the drawn captions, a picture's in a row; then one of each picture's greedy caption, or nothing.
 */
export function baselinesOf(
  rewards: Float64Array,
  { captions, samples }: { readonly captions: number; readonly samples: number },
): Float64Array {
  return Float64Array.from({ length: captions }, (_, n) => {
    const image = Math.floor(n / samples);
    if (rewards.length > captions) return rewards[captions + image];
    const all = rewards.subarray(image * samples, (image + 1) * samples).reduce((a, b) => a + b, 0);
    return (all - rewards[n]) / (samples - 1);
  });
}

/** Captions as a decoder reads them. */
function rewriteOf(captions: readonly Caption[]): Rewrite {
  const N = captions.length;
  const T = captions.reduce((longest, { ids }) => Math.max(longest, ids.length), 0);
  const inputs = new Uint32Array(T * N);
  const targets = new Uint32Array(T * N);
  captions.forEach(({ ids }, n) => {
    ids.forEach((id, t) => {
      inputs[t * N + n] = t === 0 ? START : ids[t - 1];
      targets[t * N + n] = id;
    });
  });
  return { inputs, targets, shape: [T, N] };
}

/** Each caption's advantage at each of its words [T, N], 0 behind its end. */
function weightsOf(
  captions: readonly Caption[],
  advantages: Float64Array,
  [T, N]: Rewrite["shape"],
): Float32Array {
  const weights = new Float32Array(T * N);
  captions.forEach(({ ids }, n) => ids.forEach((_, t) => weights[t * N + n] = advantages[n]));
  return weights;
}

/**
 * Logits of several captions of each picture with teacher forcing.
 *
 * @param features [B, P, D].
 * @param rows `image` of each caption [N], and the words it reads [T, N].
 * @returns [T, N, V].
 */
function predictRows(
  model: CaptionModel,
  features: Tensor,
  { image, inputs }: { readonly image: Tensor; readonly inputs: Tensor },
): Tensor {
  const { decoder } = model;
  const { memory, state } = decoder.begin(features);
  // A gradient needs a row of its own for each caption; the lookup's own gradient adds them up again.
  const each = (x: Tensor) => {
    const [B, ...rest] = x.shape;
    return reshape(embedding(reshape(x, [B, x.length / B]), image), [image.length, ...rest]);
  };
  const start = {
    memory: {
      features: each(memory.features),
      ...memory.values && { values: each(memory.values) },
      ...memory.att1 && { att1: each(memory.att1) },
    },
    state: { h: each(state.h), c: each(state.c) },
  };
  return decoder.predict(outputOf(decoder.read(inputs, start)));
}
