// This module is browser compatible.
import type { NumberArray } from "../backend/backend.ts";
import { beamCandidatesKernel } from "../../kernels/beam.ts";
import { allOrNothing } from "../scope.ts";
import { readAndFree, Tensor, tensor } from "../tensor.ts";
import { END, START } from "../text/vocabulary.ts";
import { type Caption, toCaption } from "./beam_history.ts";
import { chooseWords, type ImageSearch, type Path, unsaid } from "./constrained_choice.ts";
import { blockedWords, type SearchConstraints } from "./constraints.ts";
import type { Decoder } from "./decoder.ts";
import { SearchRows } from "./search_rows.ts";

/** Options of {@linkcode constrainedSearch}, all decided. */
export interface ConstrainedSearchOptions {
  readonly constraints: SearchConstraints;
  readonly beam: number;
  readonly maxLength: number;
  readonly minWords: number;
  readonly lengthAlpha: number;
  readonly banned: readonly number[];
  readonly attention: boolean;
}

/**
 * A beam search whose rules are looked up on the host: one read of each row's candidates for each word.
 *
 * @param features [B, P, D].
 * @returns Captions of each image, best first, none twice, never none.
 */
export async function constrainedSearch(
  decoder: Decoder,
  features: Tensor,
  options: ConstrainedSearchOptions,
): Promise<Caption[][]> {
  const { beam, maxLength, minWords, banned, attention } = options;
  const [B, P] = features.shape;
  const constraints = { ...options.constraints, forced: [...new Set(options.constraints.forced ?? [])] };
  const { forced, groups: G = 1 } = constraints;
  const width = beam / G;
  const banks = forced.length + 1;
  const copies = G * banks * width;
  const { rows, device } = allOrNothing(() => {
    const rows = new SearchRows(decoder, features, { copies, maxLength, attention });
    return { rows, device: new Candidates(rows, { banned, forced }) };
  });
  const V = rows.words;
  const start = { ids: [], scores: [], rows: [] };
  let images = Array.from({ length: B }, (): ImageSearch => ({
    groups: Array.from(
      { length: G },
      () => Array.from({ length: banks }, (_, bank) => ({ live: bank === 0 ? [start] : [] })),
    ),
    finished: Array.from({ length: G }, () => []),
  }));
  const rowOf = (b: number, g: number, bank: number, rank: number) =>
    ((b * G + g) * banks + bank) * width + rank;
  try {
    for (let t = 0; t < maxLength; t++) {
      const last = t + 1 === maxLength;
      const blocked = livePaths(images).map(({ ids }) =>
        blockedWords(ids, constraints, { complete: true, last }).size + 1 // the end, while forced words are missing
      );
      // As many as can be blocked, forced, or dear because earlier groups say them; then enough remain.
      const k = Math.min(V, width + Math.max(0, ...blocked) + forced.length + beam - width);
      const found = await device.read(t, { k, early: t < minWords });
      const next = images.map((image, b) =>
        chooseWords(image, {
          constraints,
          width,
          last,
          continuations: found,
          row: (g, bank, rank) => rowOf(b, g, bank, rank),
        })
      );
      // An image that nothing can follow keeps what it has.
      images = next.map((image, b) =>
        livePaths([image]).length + image.finished.flat().length > 0 ? image : images[b]
      );
      const going = next.some((image) => livePaths([image]).length > 0);
      if (!going || last) break;
      const tokens = new Uint32Array(rows.count).fill(END);
      const parents = Uint32Array.from({ length: rows.count }, (_, row) => row);
      next.forEach((image, b) =>
        image.groups.forEach((cells, g) =>
          cells.forEach(({ live }, bank) =>
            live.forEach((path, rank) => {
              const row = rowOf(b, g, bank, rank);
              tokens[row] = path.ids.at(-1)!;
              parents[row] = path.rows.at(-1)!;
            })
          )
        )
      );
      device.advance(tokens, parents);
    }
    const history = { alphas: await rows.alphas(), rows: rows.count, P, lengthAlpha: options.lengthAlpha };
    return images.map((image) => captionsOf(image, constraints, history));
  } finally {
    device.dispose();
    rows.dispose();
  }
}

function livePaths(images: readonly ImageSearch[]): Path[] {
  return images.flatMap(({ groups }) => groups.flatMap((cells) => cells.flatMap(({ live }) => live)));
}

/** The candidates of each row, from the device. */
class Candidates {
  readonly #rows: SearchRows;
  readonly #masks: { readonly always: Tensor; readonly early: Tensor; readonly unforced?: Tensor };
  readonly #forced: number;
  readonly #zeros: Tensor;
  readonly #tokens: Tensor;
  readonly #parents: Tensor;

  constructor(
    rows: SearchRows,
    { banned, forced }: { banned: readonly number[]; forced: readonly number[] },
  ) {
    const { backend, count, words } = rows;
    const mask = (isBanned: (id: number) => boolean) => {
      const flags = Uint32Array.from({ length: words }, (_, id) => Number(isBanned(id)));
      return tensor(backend, flags, { type: "u32", label: "banned" });
    };
    this.#rows = rows;
    this.#forced = forced.length;
    this.#masks = {
      always: mask((id) => banned.includes(id)),
      early: mask((id) => banned.includes(id) || id === END),
      ...forced.length > 0 && { unforced: mask((id) => !forced.includes(id)) },
    };
    this.#zeros = tensor(backend, new Float32Array(count), { label: "scores" });
    const start = new Uint32Array(count).fill(START);
    this.#tokens = tensor(backend, start, { shape: [1, count], type: "u32", label: "tokens" });
    this.#parents = new Tensor(backend, [count], { type: "u32", label: "parents" });
  }

  /** Reads the words given last and returns, for each row, the k likeliest next words and the forced ones. */
  async read(t: number, { k, early }: { k: number; early: boolean }) {
    const { always, early: bannedEarly, unforced } = this.#masks;
    const found = this.#rows.read(this.#tokens, {
      t,
      use: (logits) => ({
        best: this.#best(logits, early ? bannedEarly : always, k),
        forced: unforced ? this.#best(logits, unforced, this.#forced) : [],
      }),
    });
    const read = await readAndFree([...found.best, ...found.forced]);
    const best = rowsOf(read.slice(0, 2), k);
    const forced = rowsOf(read.slice(2), this.#forced);
    return (row: number) => ({ best: best(row), forced: forced(row) });
  }

  /** Row n goes on from row `parents[n]` and reads `tokens[n]` next. */
  advance(tokens: Uint32Array, parents: Uint32Array): void {
    const { backend } = this.#rows;
    backend.write(this.#tokens.storage, tokens);
    backend.write(this.#parents.storage, parents);
    this.#rows.reorder(this.#parents);
  }

  /** The k best words of each row: their scores and the words [N, k]. */
  #best(logits: Tensor, banned: Tensor, k: number): Tensor[] {
    const { backend } = logits;
    const [N, V] = logits.shape;
    const scores = new Tensor(backend, [N, k], { label: "candidate scores" });
    const words = new Tensor(backend, [N, k], { type: "u32", label: "candidate words" });
    backend.run(beamCandidatesKernel, {
      logits: logits.storage,
      scores: this.#zeros.storage,
      banned: banned.storage,
      candidate_scores: scores.storage,
      candidate_words: words.storage,
    }, { N, V, k });
    return [scores, words];
  }

  dispose(): void {
    const { always, early, unforced } = this.#masks;
    for (const tensor of [always, early, unforced, this.#zeros, this.#tokens, this.#parents]) {
      tensor?.dispose();
    }
  }
}

/** A function from the row to its own candidates, of the scores and words [N, k] of all; none of neither. */
function rowsOf([scores, words]: readonly NumberArray[], k: number) {
  const of = (all: NumberArray | undefined, row: number) => all?.subarray(row * k, (row + 1) * k) ?? [];
  return (row: number) => ({ scores: of(scores, row), words: of(words, row) });
}

/** What is left of an image's search: what has ended or, where nothing has, what says most of the forced words. */
function captionsOf(
  image: ImageSearch,
  { forced = [], badEndings = [] }: SearchConstraints,
  history: { alphas?: ArrayLike<number>; rows: number; P: number; lengthAlpha: number },
): Caption[] {
  const ended = image.finished.flat();
  const finished = ended.length > 0;
  const captionOf = (path: Path) => toCaption(path, history, { ...history, finished });
  const ranked = (finished ? ended : livePaths([image]))
    .map((path) => ({ path, final: captionOf(path).final }))
    .sort((x, y) => y.final - x.final).map(({ path }) => path);
  if (finished) return different(ranked).map(captionOf);
  // Cut behind the last word that may be one, in the order of the whole: a shorter caption is likelier only because it is.
  const cut = ranked.map(({ ids, scores, rows }) => {
    const length = ids.findLastIndex((id) => !badEndings.includes(id)) + 1;
    return { ids: ids.slice(0, length), scores: scores.slice(0, length), rows: rows.slice(0, length) };
  }).filter(({ ids }) => ids.length > 0);
  const left = cut.length > 0 ? cut : ranked;
  const fewest = Math.min(...left.map((path) => unsaid(path, forced).length));
  return different(left.filter((path) => unsaid(path, forced).length === fewest)).map(captionOf);
}

/** Each caption once, where it comes first. */
function different(paths: readonly Path[]): Path[] {
  const seen = new Set<string>();
  return paths.filter(({ ids }) => {
    const before = seen.size;
    return seen.add(ids.join()).size > before;
  });
}
