/**
 * Step 3: the captions as a table.
 *
 * A dataframe of id, file name and captions of every photo on disk: all captions of each, and photos that were
 * there before as well as those downloaded last.
 *
 * CSV has a row for each caption and opens anywhere; `train --annotations data/captions.csv` reads it too. Parquet has a
 * row for each photo with its list of captions: in Python, `pandas.read_parquet("data/captions.parquet")`.
 *
 *     deno task table --save
 *     deno run --allow-read --allow-write=data scripts/3_table.ts --all
 *
 * Reads data/annotations and the names in data/img. Writes data/captions.parquet and data/captions.csv with
 * --save. Takes two seconds for 200,000 captions.
 */

import { count, counted, describeReport } from "../lib/data/captions.ts";
import { readCaptions } from "../lib/deno/caption_reader.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { findData, nothingFound } from "../lib/deno/dataset_disk.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { captionTable, preview, saveTable } from "../lib/deno/tables.ts";

const OPTIONS = {
  data: { default: "data", description: "folder of downloads", placeholder: "DIR" },
  annotations: {
    description: "a caption file or a folder of some, in place of the downloaded",
    placeholder: "FILE",
  },
  images: { description: "folder of the photos, in place of img in --data", placeholder: "DIR" },
  dataset: {
    description: "which captions, where there are several: karpathy, coco2014 …",
    placeholder: "NAME",
  },
  all: { default: false, description: "also photos that are not on disk" },
  rows: { default: 10, description: "rows to print" },
  save: { default: false, description: "save the table as Parquet and CSV" },
  out: {
    description: "where --save puts it, without an ending (default captions in --data)",
    placeholder: "PATH",
  },
  json: { default: false, description: "print JSON for machines" },
} as const;

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, OPTIONS, {
    command: "deno task table",
    purpose: "Shows photos and captions as a table and saves it.",
    examples: ["deno task table --save", "deno task table --annotations my/captions.csv --rows 50"],
  });

  // 1. Captions, and which of their photos are on disk.
  const { set, onDisk } = await read(options);
  const all = counted(set.images.length, "photo");
  console.error(`data ${set.report.source}, ${onDisk ? `${count(onDisk.size)} of ${all} on disk` : all}`);
  for (const line of describeReport(set.report).slice(1)) console.error(line);

  // 2. The table.
  const frame = captionTable(set, onDisk);
  if (!options.json) preview(frame).print(options.rows);

  // 3. Saved for other programs.
  const saved = options.save ? await saveTable(frame, options.out ?? `${options.data}/captions`) : [];
  for (const path of saved) console.error(`wrote ${path}`);
  if (options.json) {
    const first = frame.slice(0, options.rows).objects();
    console.log(JSON.stringify({ rows: frame.numRows(), columns: frame.columnNames(), first, saved }));
  }
}

async function read(
  options: { all: boolean; data: string; annotations?: string; images?: string; dataset?: string },
) {
  if (options.all) {
    return await readCaptions(options.annotations ?? `${options.data}/annotations`, options)
      .then(({ set }) => ({ set, onDisk: undefined }));
  }
  const { set, images, pictures: { files } } = await findData(options);
  if (files.size === 0) {
    const { message } = nothingFound(set, images, "make the table");
    throw new Error(`${message}, or pass --all for photos that are not on disk`);
  }
  return { set, onDisk: files };
}

if (import.meta.main) await runScript(main);
