// This module is browser compatible.
/** Pictures and all of their captions, whatever file they came from, and what was odd in that file. */

import { checkFileName } from "./file_names.ts";

/** What a picture is used for. */
export type SplitName = "train" | "val" | "test";

/** One picture of a caption file. */
export interface CaptionImage {
  readonly id: number;
  /** Name inside the picture folder, with forward slashes. */
  readonly fileName: string;
  /** Folder the file names for it ("val2014" in the Karpathy file): looked into before the picture folder itself. */
  readonly folder?: string;
  /** Pixels, where the file tells. */
  readonly width?: number;
  readonly height?: number;
  /** Where the file tells what the picture is for. */
  readonly split?: SplitName;
}

/** Something counted in a caption file that a person should know of. */
export interface CaptionProblem {
  /** For people, in the plural: "captions without a picture". */
  readonly what: string;
  readonly count: number;
  /** The first few, by id or name. */
  readonly examples: readonly string[];
}

/** What a caption file holds. */
export interface CaptionReport {
  readonly source: string;
  /** Pictures with at least one caption. */
  readonly images: number;
  /** Captions kept. */
  readonly captions: number;
  /** Captions without a picture, pictures without captions, empty captions, doubles. */
  readonly problems: readonly CaptionProblem[];
}

/** Pictures with every caption they have. */
export interface CaptionSet {
  /** Pictures that have captions, in the order of the file. */
  readonly images: readonly CaptionImage[];
  /** All captions of each picture by its id, in the order of the file. */
  readonly captions: ReadonlyMap<number, readonly string[]>;
  /** The words of each caption, where the file gives them (the Karpathy file), in the same order. */
  readonly tokens?: ReadonlyMap<number, readonly (readonly string[])[]>;
  readonly report: CaptionReport;
}

/** A caption with the picture it belongs to. */
export interface Annotation {
  readonly imageId: number;
  readonly caption: string;
  readonly tokens?: readonly string[];
}

const EXAMPLES = 5; // named in a report; the rest is counted

/** Counts one kind of problem and remembers the first few. */
class Tally {
  count = 0;
  readonly examples: string[] = [];
  constructor(readonly what: string) {}
  add(example: string | number): void {
    this.count++;
    const text = String(example);
    if (this.examples.length < EXAMPLES && !this.examples.includes(text)) this.examples.push(text);
  }
}

/**
 * Puts captions to their pictures and counts what does not fit.
 *
 * A caption written twice for one picture is kept twice (two people may say the same) and counted. Captions whose
 * picture is not listed, empty captions and pictures without captions are left out and counted.
 *
 * @throws {SyntaxError} If two different pictures have one id, or a file name is unsafe.
 */
export function collectCaptions(
  images: Iterable<CaptionImage>,
  annotations: Iterable<Annotation>,
  { source }: { source: string },
): CaptionSet {
  const orphans = new Tally("captions without a picture");
  const bare = new Tally("pictures without captions");
  const empty = new Tally("empty captions");
  const doubles = new Tally("captions written twice for one picture (kept)");
  const repeated = new Tally("pictures listed twice (counted once)");
  const byId = new Map<number, CaptionImage>();
  for (const image of images) {
    checkFileName(image.fileName, source);
    if (image.folder) checkFileName(image.folder, source);
    const known = byId.get(image.id);
    if (known && known.fileName !== image.fileName) {
      throw new SyntaxError(
        `Cannot read ${source}: the id ${image.id} belongs to "${known.fileName}" and to "${image.fileName}", ` +
          `each picture needs an id of its own`,
      );
    }
    if (known) repeated.add(image.id);
    else byId.set(image.id, image);
  }
  const captions = new Map<number, string[]>();
  const tokens = new Map<number, (readonly string[])[]>();
  let kept = 0;
  for (const annotation of annotations) {
    const { imageId } = annotation;
    const caption = tidy(annotation.caption);
    if (!byId.has(imageId)) orphans.add(imageId);
    else if (caption === "") empty.add(imageId);
    else {
      let list = captions.get(imageId);
      if (!list) captions.set(imageId, list = []);
      else if (list.includes(caption)) doubles.add(imageId);
      list.push(caption);
      kept++;
      if (annotation.tokens) {
        const words = tokens.get(imageId);
        if (words) words.push(annotation.tokens);
        else tokens.set(imageId, [annotation.tokens]);
      }
    }
  }
  const captioned: CaptionImage[] = [];
  for (const image of byId.values()) {
    if (captions.has(image.id)) captioned.push(image);
    else bare.add(image.fileName);
  }
  return {
    images: captioned,
    captions,
    tokens: tokens.size > 0 && tokens.size === captions.size ? tokens : undefined,
    report: {
      source,
      images: captioned.length,
      captions: kept,
      problems: [orphans, bare, empty, doubles, repeated]
        .filter((tally) => tally.count > 0)
        .map(({ what, count, examples }) => ({ what, count, examples })),
    },
  };
}

/** One line, without spaces at its ends: real captions carry line breaks and tabs, and what steers a terminal might come too. */
function tidy(caption: string): string {
  return caption.replace(/[\s\p{Cc}]+/gu, " ").trim();
}

/** A report in lines for people: what was read, then each problem with its first examples. */
export function describeReport(report: CaptionReport): string[] {
  const { images, captions } = report;
  const lines = [`${report.source}: ${counted(images, "picture")}, ${counted(captions, "caption")}`];
  for (const { what, count: number, examples } of report.problems) {
    const more = number > examples.length ? ", …" : "";
    lines.push(`  ${count(number)} ${what}: ${examples.join(", ")}${more}`);
  }
  return lines;
}

/** A whole number with thousands separated: 82,783. */
export function count(number: number): string {
  return number.toLocaleString("en-US");
}

/** A number of things: "1 picture", "82,783 pictures". */
export function counted(number: number, thing: string): string {
  return `${count(number)} ${thing}${number === 1 ? "" : "s"}`;
}

/**
 * Several caption files as one set, each with the split it stands for where it says so itself not.
 *
 * @throws {SyntaxError} If one id names different pictures in two files.
 */
export function mergeCaptionSets(
  parts: readonly { readonly set: CaptionSet; readonly split?: SplitName }[],
): CaptionSet {
  const images = new Map<number, CaptionImage>();
  const captions = new Map<number, readonly string[]>();
  const tokens = new Map<number, readonly (readonly string[])[]>();
  for (const { set, split } of parts) {
    for (const image of set.images) {
      const known = images.get(image.id);
      if (known) {
        throw new SyntaxError(
          `Cannot join ${set.report.source} to the other caption files: its picture ${image.id} ` +
            `("${image.fileName}") is already there as "${known.fileName}", each picture must be in one file only`,
        );
      }
      images.set(image.id, split && !image.split ? { ...image, split } : image);
      captions.set(image.id, set.captions.get(image.id)!);
      const words = set.tokens?.get(image.id);
      if (words) tokens.set(image.id, words);
    }
  }
  return {
    images: [...images.values()],
    captions,
    tokens: tokens.size > 0 && tokens.size === images.size ? tokens : undefined,
    report: {
      source: parts.map(({ set }) => set.report.source).join(" + "),
      images: images.size,
      captions: parts.reduce((sum, { set }) => sum + set.report.captions, 0),
      problems: parts.flatMap(({ set }) => set.report.problems),
    },
  };
}
