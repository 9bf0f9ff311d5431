/**
 * Step 4: look at photos with their captions.
 *
 * Draws some photos, chosen by seed or by --ids, with all of their captions wrapped above: a page for the browser
 * and a PNG.
 *
 *     deno task plot --count 5
 *     deno run --allow-read --allow-write=data --allow-ffi --allow-sys=cpus,networkInterfaces,hostname \
 *       --allow-env=IMAGESCRIPT_WASM_SIMD scripts/4_plot.ts --ids 73,208
 *
 * Reads data/annotations and data/img. Writes data/plot.html and data/plot.png. Takes about two seconds.
 */

import { type CaptionSet, counted } from "../lib/data/captions.ts";
import { plotHtml, type PlotPicture, plotSvg } from "../lib/data/plot_layout.ts";
import { parseOptions, UsageError } from "../lib/deno/cli.ts";
import { findData, nothingFound } from "../lib/deno/dataset_disk.ts";
import { FONT_FAMILY, lettersWithoutFont, loadPlotPicture, renderPng } from "../lib/deno/plot.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { writeFileAtomic } from "../lib/deno/write_file.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { Random } from "../lib/random.ts";

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
  count: { default: 5, min: 1, max: 100, description: "how many photos" },
  ids: { type: "integer", list: true, description: "these photos, in place of random ones" },
  seed: { default: 1, description: "chooses the photos" },
  out: {
    description: "where the plot goes, without an ending (default plot in --data)",
    placeholder: "PATH",
  },
  json: { default: false, description: "print JSON for machines" },
} as const;

async function main(): Promise<number> {
  const options = parseOptions(Deno.args, OPTIONS, {
    command: "deno task plot",
    purpose: "Draws photos with their captions.",
    examples: ["deno task plot --count 5 --seed 2", "deno task plot --ids 73,208"],
  });

  // 1. Captions, and the photos that are on disk.
  const { set, images, pictures: { files } } = await findData(options);
  console.error(`data ${set.report.source}, photos ${images}, seed ${options.seed}`);
  const onDisk = set.images.filter(({ id }) => files.has(id));
  if (onDisk.length === 0) throw nothingFound(set, images, "plot");

  // 2. Some of them: the chosen ones, or random ones by seed.
  const chosen = options.ids.length > 0
    ? options.ids.map((id) => onDisk.find((image) => image.id === id) ?? unknownId(id, set, images))
    : new Random(options.seed).shuffled(onDisk);
  const wanted = options.ids.length > 0 ? chosen.length : Math.min(options.count, chosen.length);

  // 3. Read them. A bad one is named, and the next one takes its place.
  const pictures: PlotPicture[] = [];
  const skipped: string[] = [];
  for (const { id, fileName } of chosen) {
    if (pictures.length === wanted) break;
    try {
      const { path } = files.get(id)!;
      pictures.push(await loadPlotPicture({ id, fileName, path, captions: set.captions.get(id)! }));
    } catch (error) {
      if (!(error instanceof PictureError)) throw error;
      skipped.push(error.message);
      console.error(error.message);
    }
  }
  if (pictures.length === 0) throw new Error(`Cannot plot: none of ${chosen.length} photos can be decoded`);

  // 4. Draw them.
  const out = options.out ?? `${options.data}/plot`;
  const title = `${counted(pictures.length, "photo")} of ${set.report.source}`;
  await writeFileAtomic(`${out}.html`, plotHtml(pictures, { title }));
  await writeFileAtomic(`${out}.png`, renderPng(plotSvg(pictures, { fontFamily: FONT_FAMILY })));
  const boxes = lettersWithoutFont(pictures.flatMap(({ captions }) => captions));
  if (boxes.length > 0) {
    console.error(
      `${out}.png shows boxes for ${
        boxes.join(" ")
      }: no font here has them (Debian: apt-get install fonts-noto-cjk ` +
        `fonts-noto-core); the page shows them where the browser can`,
    );
  }
  if (options.json) {
    const ids = pictures.map(({ id }) => id);
    console.log(JSON.stringify({ ids, skipped, page: `${out}.html`, picture: `${out}.png` }));
  } else {
    for (const { id, captions } of pictures) console.log(`${id}: ${captions[0]}`);
    console.log(`wrote ${out}.html and ${out}.png`);
  }
  return options.ids.length > 0 && skipped.length > 0 ? 1 : 0;
}

function unknownId(id: number, set: CaptionSet, images: string): never {
  const known = set.captions.has(id);
  throw new UsageError(
    `Cannot plot photo ${id}: ${
      known ? `it is not in ${images}` : `${set.report.source} has no captions for it`
    }, ` +
      `\`deno task table\` lists the photos there are`,
  );
}

if (import.meta.main) await runScript(main);
