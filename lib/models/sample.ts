// This module is browser compatible.
import { NO_CHOICE } from "../../kernels/beam.ts";
import { sampleKernel } from "../../kernels/sample.ts";
import { allOrNothing } from "../scope.ts";
import { Tensor, tensor } from "../tensor.ts";
import { END, PAD, START, UNK } from "../text/vocabulary.ts";
import { alphaAt, type Caption } from "./beam_history.ts";
import type { Decoder } from "./decoder.ts";
import { SearchRows } from "./search_rows.ts";
import { tempered } from "./tempered.ts";

/** Options of {@linkcode sampleCaptions}. */
export interface SampleOptions {
  /** Captions drawn for each image. */
  readonly samples: number;
  /** Names all random numbers, a u32: the same seed draws the same captions on every device. */
  readonly seed: number;
  /** Words are drawn from softmax(logits / temperature). Default 1. */
  readonly temperature?: number;
  /** Only the k likeliest words are drawn. Default 0: all. */
  readonly topK?: number;
  /** Only the likeliest words that together have this probability are drawn (nucleus). Default 1: all. */
  readonly topP?: number;
  /** Most words of a caption, the end token included. Default 50. */
  readonly maxLength?: number;
  /** Fewest words before the end token. Default 0: a caption may be empty. */
  readonly minWords?: number;
  /** Ids never drawn. Default: padding, start and unknown. */
  readonly banned?: readonly number[];
  /** Number of the first image, for random numbers: a set cut into batches is drawn as in one. Default 0. */
  readonly firstImage?: number;
  /** Keep the attention of every word. Default false. */
  readonly attention?: boolean;
}

/**
 * Captions drawn at random, `samples` for each image, in the order drawn; all in one batch on the device.
 *
 * The random number of a word depends on the seed, the image's number, the sample's and the step alone. Log-probabilities
 * are those of softmax(logits / temperature) over all words; `topK` and `topP` only limit what is drawn.
 *
 * @param features [B, P, D].
 * @throws {RangeError} If an option is out of its range.
 */
export async function sampleCaptions(
  decoder: Decoder,
  features: Tensor,
  options: SampleOptions,
): Promise<Caption[][]> {
  const { samples, seed, temperature = 1, topK = 0, topP = 1, maxLength = 50, minWords = 0 } = options;
  const { banned = [PAD, START, UNK], firstImage = 0, attention = false } = options;
  requireWhole({ samples, maxLength }, 1);
  requireWhole({ seed, topK, minWords, firstImage }, 0);
  if (!(topP > 0 && topP <= 1)) {
    throw new RangeError(`Cannot sample with topP ${topP}: it must be above 0 and at most 1`);
  }
  const { backend } = features;
  const rows = allOrNothing(() =>
    new SearchRows(tempered(decoder, temperature), features, { copies: samples, maxLength, attention })
  );
  const [N, V] = [rows.count, rows.words];
  const own: Tensor[] = [];
  const keep = (tensor: Tensor) => (own.push(tensor), tensor);
  try {
    const mask = Uint32Array.from({ length: V }, (_, id) => Number(banned.includes(id)));
    const allowed = keep(tensor(backend, mask, { type: "u32", label: "banned" }));
    mask[END] = 1;
    const early = keep(tensor(backend, mask, { type: "u32", label: "banned early" }));
    const start = new Uint32Array(N).fill(START);
    const tokens = keep(tensor(backend, start, { shape: [1, N], type: "u32", label: "tokens" }));
    const ended = keep(tensor(backend, new Uint32Array(N), { type: "u32", label: "ended" }));
    const historyWords = keep(
      new Tensor(backend, [maxLength, N], { type: "u32", label: "history of words" }),
    );
    const historyScores = keep(new Tensor(backend, [maxLength, N], { label: "history of scores" }));
    const params = { N, V, samples, first_image: firstImage, seed, top_k: topK, top_p: topP, end: END };
    let steps = 0;
    while (steps < maxLength) {
      const t = steps++;
      const use = (logits: Tensor) =>
        backend.run(sampleKernel, {
          logits: logits.storage,
          banned: (t < minWords ? early : allowed).storage,
          tokens: tokens.storage,
          ended: ended.storage,
          history_words: historyWords.storage,
          history_scores: historyScores.storage,
        }, { ...params, t });
      rows.read(tokens, { t, use });
      if (await rows.allEnded(ended, { full: 1, steps })) break;
    }
    const [words, scores, alphas] = await Promise.all([
      historyWords.read(),
      historyScores.read(),
      rows.alphas(),
    ]);
    const P = features.shape[1];
    return Array.from({ length: features.shape[0] }, (_, b) =>
      Array.from({ length: samples }, (_, s) => {
        const row = b * samples + s;
        const chosen = Array.from({ length: steps }, (_, t) => words[t * N + row]);
        const length = chosen.indexOf(NO_CHOICE) < 0 ? steps : chosen.indexOf(NO_CHOICE);
        const ids = chosen.slice(0, length);
        const logProbabilities = ids.map((_, t) => scores[t * N + row]);
        const score = logProbabilities.reduce((sum, p) => sum + p, 0);
        const looked = alphas ? ids.map((_, t) => alphaAt(alphas, t * N + row, P)) : [];
        return { ids, logProbabilities, score, final: score, finished: ids.at(-1) === END, alphas: looked };
      }));
  } finally {
    rows.dispose();
    for (const tensor of own) tensor.dispose();
  }
}

function requireWhole(values: Readonly<Record<string, number>>, least: number): void {
  for (const [name, value] of Object.entries(values)) {
    if (Number.isInteger(value) && value >= least && value < 2 ** 32) continue;
    throw new RangeError(
      `Cannot sample with ${name} ${value}: it must be a whole number of at least ${least}`,
    );
  }
}
