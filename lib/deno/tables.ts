// This module runs in Deno only.
/** Captions as a dataframe (arquero), and saved as Parquet and CSV. */

import { type ColumnTable, table } from "arquero";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import type { CaptionSet } from "../data/captions.ts";
import { csvLine } from "../data/csv.ts";
import { writeFileAtomic } from "./write_file.ts";

/**
 * A row for each picture: `id`, `file_name`, `captions` (a list of all of them).
 *
 * @param ids Only these pictures. Default: all.
 */
export function captionTable(set: CaptionSet, ids?: { has(id: number): boolean }): ColumnTable {
  const images = set.images.filter(({ id }) => ids?.has(id) ?? true);
  return table({
    id: images.map(({ id }) => id),
    file_name: images.map(({ fileName }) => fileName),
    captions: images.map(({ id }) => set.captions.get(id)!),
  });
}

/** The same table for a terminal: how many captions each picture has, and the first letters of them. */
export function preview(frame: ColumnTable, letters = 60): ColumnTable {
  const captions = column<readonly string[]>(frame, "captions");
  return table({
    id: frame.array("id"),
    file_name: frame.array("file_name"),
    count: captions.map((list) => list.length),
    captions: captions.map((list) => shorten(list.join(" | "), letters)),
  });
}

/**
 * Saves the table twice: `PATH.parquet` with a list of captions in each row, and `PATH.csv` with one row for each
 * caption, which `train` reads again.
 *
 * @returns The paths.
 * @throws {Error} If a file cannot be written.
 */
export async function saveTable(frame: ColumnTable, path: string): Promise<string[]> {
  const paths = [`${path}.parquet`, `${path}.csv`];
  await writeFileAtomic(paths[0], new Uint8Array(toParquet(frame)));
  await writeFileAtomic(paths[1], toCsv(frame));
  return paths;
}

function toParquet(frame: ColumnTable): ArrayBuffer {
  const ids = column<number>(frame, "id");
  const wide = ids.some((id) => id > 0x7fffffff);
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    columnData: [
      { name: "id", data: wide ? ids.map(BigInt) : ids },
      { name: "file_name", data: column<string>(frame, "file_name") },
      { name: "captions", data: column<readonly string[]>(frame, "captions") },
    ],
    schema: [
      { name: "root", num_children: 3 },
      { name: "id", type: wide ? "INT64" : "INT32", repetition_type: "REQUIRED" },
      { name: "file_name", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
      { name: "captions", converted_type: "LIST", repetition_type: "REQUIRED", num_children: 1 },
      { name: "list", repetition_type: "REPEATED", num_children: 1 },
      { name: "element", type: "BYTE_ARRAY", converted_type: "UTF8", repetition_type: "REQUIRED" },
    ],
  });
  return writer.getBuffer();
}

function toCsv(frame: ColumnTable): string {
  const names = column<string>(frame, "file_name");
  const captions = column<readonly string[]>(frame, "captions");
  const lines = [csvLine(["id", "file_name", "caption"])];
  column<number>(frame, "id").forEach((id, i) => {
    for (const caption of captions[i]) lines.push(csvLine([id, names[i], caption]));
  });
  return lines.join("");
}

/** Values of a column that captionTable made of this type. */
function column<T>(frame: ColumnTable, name: string): T[] {
  return Array.from(frame.array(name) as ArrayLike<T>);
}

function shorten(text: string, width: number): string {
  const letters = [...text];
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join("")}…`;
}
