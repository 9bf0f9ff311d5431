// This module is browser compatible.
import { beamCandidatesKernel, beamSelectKernel, LOWEST_SCORE } from "../../kernels/beam.ts";
import { copyKernel } from "../../kernels/elementwise.ts";
import { embedding } from "../ops/embedding.ts";
import type { LstmState } from "../ops/lstm_steps.ts";
import { scope } from "../scope.ts";
import { Tensor, tensor } from "../tensor.ts";
import { END, PAD, START, UNK } from "../text/vocabulary.ts";
import { type Caption, readHistory } from "./beam_history.ts";
import type { Decoder, DecoderMemory } from "./decoder.ts";

/** Options of {@linkcode beamSearch}. */
export interface BeamOptions {
  /** k, beams per image; 1 is greedy decoding. Default 5. */
  readonly beam?: number;
  /** Most words of a caption, the end token included. Default 50. */
  readonly maxLength?: number;
  /** Fewest words before the end token. Default 0: a caption may be empty. */
  readonly minWords?: number;
  /** Captions compete by score / length ** lengthAlpha; 0 is the plain sum of log-probabilities. Default 0. */
  readonly lengthAlpha?: number;
  /** Ids never chosen. Default: padding, start and unknown. */
  readonly banned?: readonly number[];
  /** Keep the attention of every word. Default false. */
  readonly attention?: boolean;
}

/** Steps between looks at whether all captions have ended, on a device where a look costs. */
const STEPS_BETWEEN_LOOKS = 8;

/**
 * The best captions of each image of a batch, best first, never none.
 *
 * All images and beams run as one batch, and the search stays on the device: each step ranks all continuations of
 * an image's beams by the sum of log-probabilities, ties by beam and word. The best k minus the beams that have
 * ended survive; those that end retire. If none has ended within `maxLength`, the unfinished ones compete.
 *
 * @param decoder The language model.
 * @param features [B, P, D].
 */
export async function beamSearch(
  decoder: Decoder,
  features: Tensor,
  options: BeamOptions = {},
): Promise<Caption[][]> {
  const { beam: k = 5, maxLength = 50, minWords = 0, lengthAlpha = 0, attention = false } = options;
  const { banned = [PAD, START, UNK] } = options;
  for (const [name, value] of [["beam", k], ["maxLength", maxLength]] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`Cannot search with ${name} ${value}: it must be a whole number of at least 1`);
    }
  }
  const [B, P] = features.shape;
  const search = new Search(decoder, features, { k, maxLength, minWords, banned, attention });
  try {
    let steps = 0;
    while (steps < maxLength) {
      search.step(steps++);
      const look = features.backend.name === "cpu" || steps % STEPS_BETWEEN_LOOKS === 0;
      if (look && (await search.finished.read()).every((count) => count === k)) break;
    }
    const history = await search.history();
    return readHistory(history, { B, k, V: search.words, P, steps, lengthAlpha, end: END });
  } finally {
    search.dispose();
  }
}

interface SearchOptions {
  readonly k: number;
  readonly maxLength: number;
  readonly minWords: number;
  readonly banned: readonly number[];
  readonly attention: boolean;
}

/** The search's state on the device. */
class Search {
  /** V, words. */
  readonly words: number;
  /** [B], beams that have ended. */
  readonly finished: Tensor;
  readonly #decoder: Decoder;
  readonly #memory: DecoderMemory;
  readonly #sizes: { readonly B: number; readonly k: number; readonly N: number };
  readonly #banned: Tensor;
  /** With the end token: until there are enough words. */
  readonly #bannedEarly: Tensor;
  readonly #minWords: number;
  readonly #scores: Tensor;
  readonly #tokens: Tensor;
  readonly #parents: Tensor;
  readonly #historyScores: Tensor;
  readonly #historyChoices: Tensor;
  readonly #alphas: Tensor | undefined;
  #state: LstmState;

  constructor(decoder: Decoder, features: Tensor, options: SearchOptions) {
    const { k, maxLength, minWords, banned, attention } = options;
    const { backend } = features;
    const [B, P] = features.shape;
    const N = B * k;
    const make = (data: ArrayLike<number>, shape: number[], type: "f32" | "u32", label: string) =>
      tensor(backend, data, { shape, type, label });
    this.#decoder = decoder;
    this.#sizes = { B, k, N };
    const { start, copies, words } = scope(() => {
      const start = decoder.begin(features);
      const image = make(Array.from({ length: N }, (_, n) => Math.floor(n / k)), [N], "u32", "image of beam");
      const copies = { h: embedding(start.state.h, image), c: embedding(start.state.c, image) };
      return { start, copies, words: decoder.predict(start.state.h).shape[1] };
    });
    start.state.h.dispose();
    start.state.c.dispose();
    this.#memory = start.memory;
    this.#state = copies;
    this.words = words;
    const mask = new Uint32Array(words);
    for (const id of banned) mask[id] = 1;
    this.#banned = make(mask, [words], "u32", "banned");
    mask[END] = 1;
    this.#bannedEarly = make(mask, [words], "u32", "banned early");
    this.#minWords = minWords;
    const scores = Array.from({ length: N }, (_, n) => n % k === 0 ? 0 : LOWEST_SCORE);
    this.#scores = make(scores, [N], "f32", "scores");
    this.#tokens = make(new Uint32Array(N).fill(START), [1, N], "u32", "tokens");
    this.#parents = make(new Uint32Array(N), [N], "u32", "parents");
    this.finished = make(new Uint32Array(B), [B], "u32", "finished");
    this.#historyScores = new Tensor(backend, [maxLength, N], { label: "history of scores" });
    this.#historyChoices = new Tensor(backend, [maxLength, N], { type: "u32", label: "history of choices" });
    this.#alphas = attention && start.memory.att1
      ? new Tensor(backend, [maxLength, N, P], { label: "history of alphas" })
      : undefined;
  }

  /** Reads one word on every beam and chooses the next. */
  step(t: number): void {
    const { B, k, N } = this.#sizes;
    const V = this.words;
    const before = this.#state;
    this.#state = scope(() => {
      const { hidden, cell, alphas } = this.#decoder.read(this.#tokens, {
        memory: this.#memory,
        state: before,
      });
      const h = hidden.view([N, hidden.shape[2]]);
      const logits = this.#decoder.predict(h);
      const { backend } = logits;
      if (this.#alphas && alphas) {
        const slice = { count: alphas.length, x_offset: 0, y_offset: t * alphas.length };
        backend.run(copyKernel, { x: alphas.storage, y: this.#alphas.storage }, slice);
      }
      const scores = new Tensor(backend, [N, k], { label: "candidate scores" });
      const words = new Tensor(backend, [N, k], { type: "u32", label: "candidate words" });
      backend.run(beamCandidatesKernel, {
        logits: logits.storage,
        scores: this.#scores.storage,
        banned: (t < this.#minWords ? this.#bannedEarly : this.#banned).storage,
        candidate_scores: scores.storage,
        candidate_words: words.storage,
      }, { N, V, k });
      backend.run(beamSelectKernel, {
        candidate_scores: scores.storage,
        candidate_words: words.storage,
        scores: this.#scores.storage,
        tokens: this.#tokens.storage,
        parents: this.#parents.storage,
        finished: this.finished.storage,
        history_scores: this.#historyScores.storage,
        history_choices: this.#historyChoices.storage,
      }, { B, k, V, t, end: END });
      return { h: embedding(h, this.#parents), c: embedding(cell, this.#parents) };
    });
    before.h.dispose();
    before.c.dispose();
  }

  /** What was chosen at each step: read once, at the end. */
  async history() {
    const [scores, choices, alphas] = await Promise.all([
      this.#historyScores.read(),
      this.#historyChoices.read(),
      this.#alphas?.read(),
    ]);
    return { scores, choices, alphas };
  }

  dispose(): void {
    const { features: _, ...own } = this.#memory; // the features are the caller's
    const tensors = [
      this.#banned,
      this.#bannedEarly,
      this.#scores,
      this.#tokens,
      this.#parents,
      this.finished,
    ]
      .concat([this.#historyScores, this.#historyChoices, this.#state.h, this.#state.c])
      .concat(this.#alphas ?? [], own.att1 ?? []);
    for (const tensor of tensors) tensor.dispose();
  }
}
