// This module runs in Deno only.
/** The pages that scripts write, laid out by Chromium: nothing sticks out of a phone's window, nothing runs. */
import assert from "node:assert/strict";
import { Resvg } from "@resvg/resvg-js";
import { describe, it } from "@std/testing/bdd";
import { plotHtml, plotSvg } from "../lib/data/plot_layout.ts";
import { attentionPage } from "../lib/deno/attention_page.ts";
import { encodePng } from "../lib/deno/encode.ts";
import { FONT_FAMILY, FONTS } from "../lib/deno/plot.ts";
import { galleryPage } from "../lib/deno/gallery_page.ts";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { evaluationCard } from "../lib/text/evaluation_card.ts";
import type { LayoutReport } from "./browser/layout.ts";
import { lacksChromium } from "./browser/executable.ts";

const LONG = "x".repeat(400);
const CAPTIONS = [
  "a dog runs",
  LONG,
  `very ${"very ".repeat(200)}long`,
  "<script>document.title = 'run'</script><img src=x onerror=\"document.title = 'run'\">",
  "犬が走っている。".repeat(30),
  "كلب يجري",
];
const NAME = `${"folder/".repeat(20)}${"n".repeat(80)}.jpg`;

const png = await encodePng({ width: 4, height: 2, data: new Uint8Array(24) });

/** Every kind of page by name, with so many pictures. */
async function pagesOf(count: number): Promise<Record<string, string>> {
  const captions = Array.from({ length: count }, (_, i) => CAPTIONS[i % CAPTIONS.length]);
  const plotted = captions.map((caption, id) => ({
    caption,
    id,
    fileName: NAME,
    jpeg: png,
    width: 4,
    height: 2,
  }));
  const pictures = plotted.map(({ caption, ...rest }) => ({ ...rest, captions: [caption, "another"] }));
  const words = (text: string) =>
    text.split(" ").map((word) => ({
      word,
      probability: 0.5,
      alpha: new Float32Array([0.5, 0.25, 0.25, 0]),
    }));
  const written = (text: string) => ({ text, words: words(text), logProbability: -1, score: -1 });
  const shown = captions.map((caption, i) => ({ jpeg: png, caption, true: i % 2 === 0, reference: caption }));
  const pages: Record<string, string> = {
    plot: plotHtml(pictures, { title: `${count} of ${NAME}` }),
    gallery: galleryPage(shown, [`${count} pictures of ${NAME}`]),
    attention: attentionPage(captions.map((text) => ({ name: NAME, png, caption: written(text) }))),
  };
  if (count > 0) {
    const references = new Map(captions.map((caption, id) => [id, [caption, "another"]]));
    const results = captions.map((caption, image_id) => ({ image_id, caption }));
    const evaluation = evaluateResults(references, results, { samples: 2 });
    const picture = () => `data:image/png;base64,${png.toBase64()}`;
    pages.card = await evaluationCard(evaluation, { title: NAME, references, picture });
  }
  return pages;
}

describe("pages", { ignore: lacksChromium }, () => {
  it("fit into windows of 320, 390 and 1,280 pixels with no, one and many pictures, whatever a caption holds", async () => {
    const folder = await Deno.makeTempDir({ prefix: "showtell-pages-" });
    try {
      const names: string[] = [];
      for (const count of [0, 1, 8]) {
        for (const [name, page] of Object.entries(await pagesOf(count))) {
          names.push(`${name}-${count}`);
          await Deno.writeTextFile(`${folder}/${name}-${count}.html`, page);
        }
      }
      const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: [
          "run",
          "--allow-all",
          new URL("./browser/layout.ts", import.meta.url).pathname,
          folder,
          ...names,
        ],
        env: { NO_COLOR: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const reports: LayoutReport[] = JSON.parse(new TextDecoder().decode(stdout));
      assert.equal(reports.length, 3 * names.length);
      for (const { name, width, scrollWidth, title, requests } of reports) {
        assert.ok(scrollWidth <= width, `${name} is ${scrollWidth} pixels wide in a window of ${width}`);
        assert.notEqual(title, "run", `${name} runs what a caption holds`);
        assert.deepEqual(requests, [], `${name} asks for other files`);
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});

describe("the plot's PNG", () => {
  it("keeps captions in capitals off the photo beside", () => {
    const captions = ["WOMEN WEARING WARM MITTENS WALK HOME WHILE MOM WAVES AT A MAN ON A MOTORBIKE"];
    const picture = { id: 1, fileName: "a.jpg", captions, jpeg: new Uint8Array(0), width: 4, height: 2 };
    const svg = plotSvg([picture], { fontFamily: FONT_FAMILY });
    const column = Number(/width="(\d+)"/.exec(svg)![1]); // the only one, with a gap of 28 on both sides
    const wider = svg.replace(/width="\d+"/, `width="${column + 300}"`)
      .replace(/viewBox="0 0 \d+/, `viewBox="0 0 ${column + 300}`);
    const { pixels, width } = new Resvg(wider, FONTS).render();
    const outside = pixels.filter((byte, i) => Math.floor(i / 4) % width >= column - 14 && byte !== 255);
    assert.equal(outside.length, 0);
  });
});
