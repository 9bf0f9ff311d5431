// This module is browser compatible.
/** Captions of one's own pictures: captions.csv, captions.json, Flickr8k's text; and telling the formats apart. */

import { type Annotation, type CaptionImage, type CaptionSet, collectCaptions } from "./captions.ts";
import { isRecord, kindOf, show } from "../text/json.ts";
import { parseCaptions, splitName } from "./coco.ts";
import { parseCsv } from "./csv.ts";
import { tidyFileName } from "./file_names.ts";
import { isKarpathy, parseKarpathy } from "./karpathy.ts";

const FILE_KEYS = ["file", "file_name", "filename", "image"];
const CAPTION_KEYS = ["caption", "captions", "comment"];

/** Options of the parsers: what the file is called in messages and reports. */
export interface SourceOptions {
  readonly source: string;
}

/**
 * Reads a caption file of any format we know, told apart by its content: COCO JSON, a Karpathy file, a JSON list,
 * CSV, or Flickr8k's text.
 *
 * @throws {SyntaxError} If it is none of them, with what each should look like; or if it is one with a fault.
 */
export function parseCaptionFile(text: string, { source }: SourceOptions): CaptionSet {
  const start = text.slice(0, 4096).replace(/^\ufeff/, "").trimStart();
  if (start === "") throw new SyntaxError(`Cannot read ${source}: it is empty, ${EXPECTED}`);
  if (start.startsWith("<")) {
    throw new SyntaxError(`Cannot read ${source}: it is a web page, not captions; download the file itself`);
  }
  if (start.startsWith("{") || start.startsWith("[")) {
    return parseCaptionJson(parseJson(text, { source }), { source });
  }
  if (TOKEN_LINE.test(start.split("\n", 1)[0])) return parseTokenText(text, { source });
  return parseCaptionsCsv(text, { source });
}

/**
 * Reads parsed JSON of any layout we know: COCO, Karpathy, or a list of files with captions.
 *
 * @throws {SyntaxError} If it is none of them.
 */
export function parseCaptionJson(json: unknown, { source }: SourceOptions): CaptionSet {
  if (Array.isArray(json)) return parseCaptionList(json, { source });
  return isKarpathy(json) ? parseKarpathy(json, { source }) : parseCaptions(json, { source });
}

/**
 * Reads `file,caption` rows (RFC 4180), several rows for a picture with several captions; a third column `split`
 * is honoured.
 *
 * @throws {SyntaxError} If the header lacks a column or a row a field: names the line.
 */
function parseCaptionsCsv(text: string, { source }: SourceOptions): CaptionSet {
  let rows;
  try {
    rows = parseCsv(text);
  } catch (error) {
    throw new SyntaxError(`Cannot read ${source}: ${(error as Error).message}`);
  }
  const header = (rows[0]?.fields ?? []).map((name) => name.trim().toLowerCase());
  const fileAt = header.findIndex((name) => FILE_KEYS.includes(name));
  const captionAt = header.findIndex((name) => CAPTION_KEYS.includes(name));
  const splitAt = header.indexOf("split");
  if (fileAt < 0 || captionAt < 0) {
    const found = JSON.stringify((rows[0]?.fields ?? []).join(",").slice(0, 60));
    throw new SyntaxError(`Cannot read ${source}: its first line is ${found}, ${EXPECTED}`);
  }
  return collectByFile(
    rows.slice(1).map(({ line, fields }) => {
      if (fields.length !== header.length) {
        throw new SyntaxError(
          `Cannot read ${source}: line ${line} has ${fields.length} fields, the header has ${header.length}; ` +
            `a caption with a comma or a quote belongs in quotes, without a space before them: a.jpg,"dogs, two"`,
        );
      }
      return {
        file: fields[fileAt].trim(),
        captions: [fields[captionAt]],
        split: splitAt < 0 ? undefined : fields[splitAt].trim(),
      };
    }),
    source,
  );
}

/**
 * Reads `[{ "file": "dog.jpg", "captions": ["A dog.", …] }]`; `"caption": "A dog."` does too.
 *
 * @throws {SyntaxError} If an entry lacks its file or captions: names the entry.
 */
function parseCaptionList(json: unknown, { source }: SourceOptions): CaptionSet {
  if (!Array.isArray(json)) {
    throw new SyntaxError(`Cannot read ${source}: it holds ${kindOf(json)}, ${EXPECTED}`);
  }
  return collectByFile(
    json.map((entry, i) => {
      const fault = (problem: string) =>
        new SyntaxError(
          `Cannot read ${source}: entry ${i} ${problem}, it should look like {"file": "dog.jpg", "captions": ["A dog."]}`,
        );
      if (!isRecord(entry)) throw fault(`is ${kindOf(entry)}`);
      const file = FILE_KEYS.map((key) => entry[key]).find((value) => value !== undefined);
      const captions = CAPTION_KEYS.map((key) => entry[key]).find((value) => value !== undefined);
      if (typeof file !== "string") {
        throw fault(`has the keys ${Object.keys(entry).join(", ") || "(none)"} and no "file"`);
      }
      const list = typeof captions === "string" ? [captions] : captions;
      if (!Array.isArray(list) || !list.every((caption) => typeof caption === "string")) {
        throw fault(`("${file}") has the captions ${show(captions)}`);
      }
      return { file, captions: list as string[], split: entry.split };
    }),
    source,
  );
}

/** A line of Flickr8k.token.txt: name, number of the caption, a tab, the caption. */
const TOKEN_LINE = /^(\S.*?)#\d+\t(.*)$/;

/**
 * Reads Flickr8k's text: `dog.jpg#0<tab>A dog runs .`, one caption a line.
 *
 * @throws {SyntaxError} If a line has another form: names the line.
 */
function parseTokenText(text: string, { source }: SourceOptions): CaptionSet {
  const rows = [];
  for (const [i, line] of text.replace(/^\ufeff/, "").split(/\r?\n/).entries()) {
    if (line.trim() === "") continue;
    const match = TOKEN_LINE.exec(line);
    if (!match) {
      throw new SyntaxError(
        `Cannot read ${source}: line ${i + 1} is ${JSON.stringify(line.slice(0, 60))}, ` +
          `it should be a file name, "#0", a tab and the caption`,
      );
    }
    rows.push({ file: match[1], captions: [match[2]] });
  }
  return collectByFile(rows, source);
}

/** Pictures without ids of their own get 1, 2, 3 … in the order of the file. */
function collectByFile(
  rows: readonly { file: string; captions: readonly string[]; split?: unknown }[],
  source: string,
): CaptionSet {
  const images = new Map<string, CaptionImage>();
  const annotations: Annotation[] = [];
  for (const { file: written, captions, split } of rows) {
    const file = tidyFileName(written);
    const known = images.get(file);
    const imageId = known?.id ?? images.size + 1;
    const name = split === undefined || split === "" ? undefined : splitName(split, source);
    if (!known) images.set(file, { id: imageId, fileName: file, ...(name ? { split: name } : {}) });
    else if (name && known.split !== name) {
      throw new SyntaxError(
        `Cannot read ${source}: "${file}" is in the splits "${
          known.split ?? ""
        }" and "${name}", it should be in one`,
      );
    }
    for (const caption of captions) annotations.push({ imageId, caption });
  }
  return collectCaptions(images.values(), annotations, { source });
}

/**
 * `JSON.parse` with an error that names the file.
 *
 * @throws {SyntaxError} If the text is not JSON.
 */
export function parseJson(text: string, { source }: SourceOptions): unknown {
  const json = text.replace(/^\ufeff/, "");
  try {
    return JSON.parse(json);
  } catch (error) {
    if (!/^\s*[[{]/.test(json)) {
      const found = json.trim() === "" ? "it is empty" : `it begins with "${json.trim().slice(0, 40)}"`;
      throw new SyntaxError(`Cannot read ${source}: ${found}, it should be JSON, which begins with [ or {`);
    }
    throw new SyntaxError(
      `Cannot read ${source}: it is not valid JSON (${(error as Error).message}), ` +
        `it may be cut off: compare its size with the original's or fetch it again`,
    );
  }
}

const EXPECTED = `it should be CSV with the header "file,caption", a JSON list like ` +
  `[{"file": "dog.jpg", "captions": ["A dog."]}], COCO or Karpathy JSON, or Flickr8k's token text`;
