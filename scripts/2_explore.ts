/**
 * Step 2: look at the captions before using them.
 *
 * COCO's JSON has two lists that matter. `images` has a line for each picture: its id and its file name. `annotations`
 * has a line for each caption: its text, and the id of the picture that it tells of. Five people wrote one for each
 * picture, sometimes six or seven: a dictionary by picture id must keep them all.
 *
 * Printed are the files, their keys, the first entry of both lists, how many captions each picture has, the longest
 * and the shortest caption, and the most frequent words.
 *
 *     deno task explore
 *     deno run --allow-read scripts/2_explore.ts --annotations my/captions.csv
 *
 * Reads data/annotations, writes nothing, takes about two seconds for 200,000 captions.
 */

import { captionsByImage, type CaptionSet } from "../lib/data/coco.ts";
import { count, describeReport } from "../lib/data/captions.ts";
import { jsonKeys, summarise } from "../lib/data/explore.ts";
import { captionPaths, readCaptionFile } from "../lib/deno/caption_reader.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { runScript } from "../lib/deno/run_script.ts";

const OPTIONS = {
  data: {
    default: "data",
    description: "folder of downloads; captions are in its annotations",
    placeholder: "DIR",
  },
  annotations: {
    description: "a caption file or a folder of some, in place of the downloaded",
    placeholder: "FILE",
  },
  dataset: {
    description: "which captions, where there are several: karpathy, coco2014 …",
    placeholder: "NAME",
  },
  words: { default: 10, description: "how many of the most frequent words to list" },
  json: { default: false, description: "print JSON for machines" },
} as const;

async function main(): Promise<void> {
  const options = parseOptions(Deno.args, OPTIONS, {
    command: "deno task explore",
    purpose: "Shows what the caption files hold.",
    examples: ["deno task explore", "deno task explore --annotations my/captions.csv"],
  });

  // 1. Which caption files there are.
  const { dataset, files, folder, others } = await captionPaths(
    options.annotations ?? `${options.data}/annotations`,
    options,
  );
  console.error(`data ${folder}, ${dataset}${others.length ? ` (also there: ${others.join(", ")})` : ""}`);
  if (!options.json) console.log("caption files:", files, "\n");

  // 2. What each of them holds.
  const results = [];
  for (const name of Object.values(files)) {
    const path = `${folder}/${name}`;
    const { set, json } = await readCaptionFile(path);
    const keys = jsonKeys(json);
    const summary = summarise(set, options);
    results.push({ path, keys, ...summary, problems: set.report.problems });
    if (options.json) continue;
    console.log(describeReport(set.report).join("\n"));
    if (keys.length > 0) {
      console.log(
        `\n  keys: ${
          keys.map(({ key, entries }) => entries === undefined ? key : `${key} (${count(entries)})`).join(
            ", ",
          )
        }`,
      );
    }
    for (const { key, first } of keys) {
      if (key === "images" || key === "annotations") console.log(`\n  ${key}[0]:`, first);
    }
    printSummary(set, summary);
  }
  if (options.json) console.log(JSON.stringify({ dataset, folder, files, captionFiles: results }));
}

/** Prints the figures, and every caption of the first picture: none of them is lost. */
function printSummary(set: CaptionSet, summary: ReturnType<typeof summarise>): void {
  const [{ id, fileName }] = set.images;
  console.log(`\n  all captions of picture ${id} (${fileName}):`);
  for (const caption of captionsByImage(set).get(id)!) console.log(`    ${caption}`);
  console.log("\n  captions per picture:");
  for (const [captions, images] of summary.captionsPerImage) {
    console.log(`    ${count(images).padStart(9)} pictures have ${captions}`);
  }
  const { longest, shortest, distinctWords, mostFrequent } = summary;
  console.log(`\n  longest, ${longest.words} words (picture ${longest.imageId}): ${longest.caption}`);
  console.log(`  shortest, ${shortest.words} words (picture ${shortest.imageId}): ${shortest.caption}`);
  console.log(
    `  ${count(distinctWords)} different words, the most frequent: ` +
      `${mostFrequent.map(([word, times]) => `${word} ${count(times)}`).join(", ")}\n`,
  );
}

if (import.meta.main) await runScript(main);
