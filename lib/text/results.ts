// This module is browser compatible.
/** Result files in COCO's format, `[{ image_id, caption }]`, and whether they fit the references. */
import { kindOf, show } from "../data/coco.ts";
import type { ImageId } from "./encode_captions.ts";

/** One generated caption. */
export interface CaptionResult {
  readonly image_id: ImageId;
  readonly caption: string;
}

/** Ids that do not fit; all lists are empty where the sets match. */
export interface ResultProblems {
  /** Images with references and no result. */
  readonly missing: readonly ImageId[];
  /** Images with more than one result. */
  readonly doubled: readonly ImageId[];
  /** Images with a result and no reference. */
  readonly unknown: readonly ImageId[];
  /** Images whose caption has no word. */
  readonly empty: readonly ImageId[];
}

/** One caption for each image that has references, and what did not fit. */
export interface MatchedResults {
  /** In the order of the references. */
  readonly captions: ReadonlyMap<ImageId, string>;
  readonly problems: ResultProblems;
}

const EXAMPLE = '[{"image_id": 42, "caption": "a dog on a beach"}]';
const SHOWN = 5; // ids named in a message; the rest is counted

/**
 * The captions of a result file. Ids stay as they are written: 42 and "42" are different images.
 *
 * @param json What `JSON.parse` made of the file.
 * @throws {SyntaxError} If it is no list of `image_id` and `caption`; says which entry.
 */
export function parseResults(json: unknown, { source }: { source: string }): CaptionResult[] {
  const fail = (found: string) => {
    throw new SyntaxError(`Cannot read results from ${source}: ${found}, it should look like ${EXAMPLE}`);
  };
  if (!Array.isArray(json)) return fail(`it is ${kindOf(json)}, not a list`);
  return json.map((entry: unknown, i) => {
    const { image_id, caption } = (entry ?? {}) as Partial<CaptionResult>; // checked below
    if (!Number.isSafeInteger(image_id) && typeof image_id !== "string") {
      return fail(`entry ${i} has "image_id" ${show(image_id)}`);
    }
    if (typeof caption !== "string") {
      return fail(`entry ${i} has "caption" ${show(caption)}`);
    }
    return { image_id: image_id as ImageId, caption };
  });
}

/**
 * Puts results to the images that have references.
 *
 * Of doubled results the first counts; unknown images are left out.
 *
 * @param references Anything keyed by the images that should have a result.
 */
export function matchResults(
  references: ReadonlyMap<ImageId, unknown>,
  results: Iterable<CaptionResult>,
): MatchedResults {
  const first = new Map<ImageId, string>();
  const doubled = new Set<ImageId>();
  for (const { image_id, caption } of results) {
    if (first.has(image_id)) doubled.add(image_id);
    else first.set(image_id, caption);
  }
  const captions = new Map<ImageId, string>();
  const missing: ImageId[] = [];
  for (const id of references.keys()) {
    const caption = first.get(id);
    if (caption === undefined) missing.push(id);
    else captions.set(id, caption);
  }
  const empty = [...captions].filter(([, caption]) => !/[\p{L}\p{N}]/u.test(caption)).map(([id]) => id);
  const unknown = [...first.keys()].filter((id) => !references.has(id));
  return { captions, problems: { missing, doubled: [...doubled], unknown, empty } };
}

/** What does not fit, one line a kind; no line where all fits. */
export function describeProblems(problems: ResultProblems): string[] {
  const kinds = [
    ["images have references and no result", problems.missing],
    ["images have more than one result", problems.doubled],
    ["results are of images without references", problems.unknown],
    ["captions are empty", problems.empty],
  ] as const;
  return kinds.filter(([, ids]) => ids.length > 0).map(([what, ids]) => {
    const more = ids.length > SHOWN ? ", …" : "";
    return `${ids.length.toLocaleString("en-US")} ${what}: ${ids.slice(0, SHOWN).join(", ")}${more}`;
  });
}

/**
 * Refuses results that do not fit, because scores of another set of images compare with nothing.
 *
 * @throws {RangeError} If anything does not fit and `allowMissing` is not set, or no caption is left to score.
 */
export function requireMatch(
  { captions, problems }: MatchedResults,
  { allowMissing = false }: { readonly allowMissing?: boolean } = {},
): void {
  const lines = describeProblems(problems);
  if (captions.size === 0) {
    throw new RangeError(`Cannot score the results: none is of an image with references\n${indent(lines)}`);
  }
  if (lines.length > 0 && !allowMissing) {
    throw new RangeError(
      `Cannot score the results: they do not fit the references\n${indent(lines)}\n` +
        "mend the file, or pass --allow-missing to score the images that have both (of doubles the first)",
    );
  }
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}
