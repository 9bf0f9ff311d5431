// This module is browser compatible.
/** Result files in COCO's format, `[{ image_id, caption }]`, and whether they fit the references. */
import { kindOf, show } from "./json.ts";
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
  const { missing, doubled, unknown, empty } = problems;
  const kinds = [
    ["image has references and no result", "images have references and no result", missing],
    ["image has more than one result", "images have more than one result", doubled],
    ["result is of an image without references", "results are of images without references", unknown],
    ["caption is empty", "captions are empty", empty],
  ] as const;
  const lines = kinds.filter(([, , ids]) => ids.length > 0).map(([one, many, ids]) => {
    const more = ids.length > SHOWN ? ", …" : "";
    const what = `${ids.length.toLocaleString("en-US")} ${ids.length === 1 ? one : many}`;
    return `${what}: ${ids.slice(0, SHOWN).join(", ")}${more}`;
  });
  // 42 and "42" look the same in these lists.
  const texts = new Set(missing.map(String));
  const other = unknown.find((id) => texts.has(String(id)));
  if (other === undefined) return lines;
  const [theirs, ours] = typeof other === "string" ? ["text", "numbers"] : ["numbers", "text"];
  const written = JSON.stringify(theirs === "text" ? Number(other) : String(other));
  const hint = `ids are ${theirs} in the results and ${ours} in the references: write ${written}, not ${
    JSON.stringify(other)
  }`;
  return [...lines, hint];
}

/** Options of {@linkcode requireMatch}. */
export interface MatchOptions {
  /** Score the images that have both where sets differ. Default false: refuse. */
  readonly allowMissing?: boolean;
  /** The results' name, for messages. Default "the results". */
  readonly source?: string;
}

/**
 * Refuses results that do not fit, because scores of another set of images compare with nothing.
 *
 * @throws {RangeError} If anything does not fit and `allowMissing` is not set, or no caption is left to score.
 */
export function requireMatch(
  { captions, problems }: MatchedResults,
  { allowMissing = false, source = "the results" }: MatchOptions = {},
): void {
  const lines = describeProblems(problems);
  if (captions.size === 0) {
    throw new RangeError(
      `Cannot score ${source}: no result is of an image with references\n${indent(lines)}`,
    );
  }
  if (lines.length > 0 && !allowMissing) {
    throw new RangeError(
      `Cannot score ${source}: there should be one caption of each image with references, but\n${
        indent(lines)
      }\n` +
        "mend the file, or pass --allow-missing to score the images that have both (of doubles the first)",
    );
  }
}

function indent(lines: readonly string[]): string {
  return lines.map((line) => `  ${line}`).join("\n");
}
