// This module is browser compatible.
import { beamCandidatesKernel, beamSelectKernel, LOWEST_SCORE } from "../../kernels/beam.ts";
import { allOrNothing } from "../scope.ts";
import { Tensor, tensor } from "../tensor.ts";
import { END, PAD, START, UNK } from "../text/vocabulary.ts";
import { type Caption, readHistory } from "./beam_history.ts";
import { constrainedSearch } from "./constrained_search.ts";
import { checkConstraints, isConstrained, type SearchConstraints } from "./constraints.ts";
import type { Decoder } from "./decoder.ts";
import { SearchRows } from "./search_rows.ts";
import { tempered } from "./tempered.ts";

/** Options of {@linkcode beamSearch}. */
export interface BeamOptions extends SearchConstraints {
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
  /** Probabilities are softmax(logits / temperature). Default 1. */
  readonly temperature?: number;
  /** Keep the attention of every word. Default false. */
  readonly attention?: boolean;
}

/**
 * The best captions of each image of a batch, best first, never none.
 *
 * All images and beams run as one batch, and the search stays on the device: each step ranks all continuations of
 * an image's beams by the sum of log-probabilities, ties by beam and word. The best k minus the beams that have
 * ended survive; those that end retire. If none has ended within `maxLength`, the unfinished ones compete.
 * With rules ({@linkcode SearchConstraints}) the host chooses, from one read of the candidates of each word.
 *
 * @param decoder The language model.
 * @param features [B, P, D].
 * @throws {RangeError} If an option is out of its range, or rules contradict each other.
 */
export async function beamSearch(
  decoder: Decoder,
  features: Tensor,
  options: BeamOptions = {},
): Promise<Caption[][]> {
  const { beam: k = 5, maxLength = 50, minWords = 0, lengthAlpha = 0, attention = false } = options;
  const { banned = [PAD, START, UNK], temperature = 1 } = options;
  for (const [name, value] of [["beam", k], ["maxLength", maxLength]] as const) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`Cannot search with ${name} ${value}: it must be a whole number of at least 1`);
    }
  }
  checkConstraints(options, { beam: k, maxLength, banned });
  const decided = { beam: k, maxLength, minWords, banned, attention };
  const warm = tempered(decoder, temperature);
  if (isConstrained(options)) {
    return constrainedSearch(warm, features, { ...decided, lengthAlpha, constraints: options });
  }
  const [B, P] = features.shape;
  const search = allOrNothing(() => new Search(warm, features, decided));
  try {
    let steps = 0;
    while (steps < maxLength) {
      search.step(steps++);
      if (await search.allEnded(steps)) break;
    }
    const history = await search.history();
    return readHistory(history, { B, k, V: search.words, P, steps, lengthAlpha, end: END });
  } finally {
    search.dispose();
  }
}

interface SearchOptions {
  readonly beam: number;
  readonly maxLength: number;
  readonly minWords: number;
  readonly banned: readonly number[];
  readonly attention: boolean;
}

/** The search's state on the device. */
class Search {
  readonly #rows: SearchRows;
  readonly #sizes: { readonly B: number; readonly k: number };
  readonly #banned: Tensor;
  /** With the end token: until there are enough words. */
  readonly #bannedEarly: Tensor;
  readonly #minWords: number;
  readonly #scores: Tensor;
  readonly #tokens: Tensor;
  readonly #parents: Tensor;
  /** [B], beams that have ended. */
  readonly #finished: Tensor;
  readonly #historyScores: Tensor;
  readonly #historyChoices: Tensor;

  constructor(decoder: Decoder, features: Tensor, options: SearchOptions) {
    const { beam: k, maxLength, minWords, banned } = options;
    const { backend } = features;
    const [B] = features.shape;
    const rows = new SearchRows(decoder, features, { ...options, copies: k });
    const { words, count: N } = rows;
    const make = (data: ArrayLike<number>, shape: number[], type: "f32" | "u32", label: string) =>
      tensor(backend, data, { shape, type, label });
    this.#rows = rows;
    this.#sizes = { B, k };
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
    this.#finished = make(new Uint32Array(B), [B], "u32", "finished");
    this.#historyScores = new Tensor(backend, [maxLength, N], { label: "history of scores" });
    this.#historyChoices = new Tensor(backend, [maxLength, N], { type: "u32", label: "history of choices" });
  }

  /** V, words. */
  get words(): number {
    return this.#rows.words;
  }

  /** Reads one word on every beam and chooses the next. */
  step(t: number): void {
    this.#rows.read(this.#tokens, { t, use: (logits) => this.#choose(logits, t) });
    this.#rows.reorder(this.#parents);
  }

  #choose(logits: Tensor, t: number): void {
    const { B, k } = this.#sizes;
    const { backend } = logits;
    const [N, V] = logits.shape;
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
      finished: this.#finished.storage,
      history_scores: this.#historyScores.storage,
      history_choices: this.#historyChoices.storage,
    }, { B, k, V, t, end: END });
  }

  /** Whether all beams have ended after so many steps, as far as it is looked at. */
  async allEnded(steps: number): Promise<boolean> {
    return await this.#rows.allEnded(this.#finished, { full: this.#sizes.k, steps });
  }

  /** What was chosen at each step: read once, at the end. */
  async history() {
    const [scores, choices, alphas] = await Promise.all([
      this.#historyScores.read(),
      this.#historyChoices.read(),
      this.#rows.alphas(),
    ]);
    return { scores, choices, alphas };
  }

  dispose(): void {
    const own = [this.#banned, this.#bannedEarly, this.#scores, this.#tokens, this.#parents, this.#finished];
    for (const tensor of own.concat(this.#historyScores, this.#historyChoices)) tensor.dispose();
    this.#rows.dispose();
  }
}
