// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parquetReadObjects } from "hyparquet";
import { jsonKeys, summarise } from "../lib/data/explore.ts";
import { parseCaptionFile } from "../lib/data/formats.ts";
import { plotHtml, plotSvg, textWidth, wrapText } from "../lib/data/plot_layout.ts";
import { lettersWithoutFont } from "../lib/deno/plot.ts";
import { captionTable, preview, saveTable } from "../lib/deno/tables.ts";
import { escapeXml } from "../lib/text/html.ts";

const parse = (text: string) => parseCaptionFile(text, { source: "captions.json" });

describe("explore's figures", () => {
  it("count captions per picture, lengths and words", () => {
    const set = parse(
      '[{"file":"a.jpg","captions":["A dog.","A dog runs fast."]},{"file":"b.jpg","captions":["A"]}]',
    );
    const summary = summarise(set, { words: 2 });
    assert.deepEqual(summary.captionsPerImage, [[1, 1], [2, 1]]);
    assert.deepEqual([summary.longest.words, summary.longest.imageId], [4, 1]);
    assert.deepEqual(summary.shortest, { imageId: 2, caption: "A", words: 1 });
    assert.deepEqual(summary.mostFrequent, [["a", 3], ["dog", 2]]);
    assert.deepEqual(jsonKeys({ info: 1, images: [{ id: 3 }] }), [
      { key: "info", entries: undefined, first: 1 },
      { key: "images", entries: 1, first: { id: 3 } },
    ]);
  });
});

describe("the plot's layout", () => {
  it("wraps between words, cuts words that are too long, and loses no letter", () => {
    assert.deepEqual(wrapText("A dog runs over the field.", 11), ["A dog runs", "over the", "field."]);
    const long = "x".repeat(25);
    assert.equal(wrapText(`a ${long} b`, 10).join("").replaceAll(" ", ""), `a${long}b`);
    assert.deepEqual(wrapText("", 10), []);
  });

  it("wraps Japanese by width and Thai between words", () => {
    const japanese = "古いオートバイが停まっている。";
    const lines = wrapText(japanese, 12);
    assert.equal(lines.join(""), japanese);
    for (const line of lines) assert.ok(textWidth(line) <= 13, line);
    assert.deepEqual(wrapText("แมวนอนบนโซฟา", 7), ["แมวนอน", "บนโซฟา"]);
  });

  it("escapes what a caption may hold, and drops what XML cannot", () => {
    assert.equal(escapeXml(`<b>"&'\u0007\ud800`), "&lt;b&gt;&quot;&amp;&#39;\ufffd");
    const picture = {
      id: 1,
      fileName: "<a>.jpg",
      captions: ["<script>"],
      jpeg: new Uint8Array(3),
      width: 4,
      height: 2,
    };
    for (const text of [plotSvg([picture], { fontFamily: "x" }), plotHtml([picture], { title: "<t>" })]) {
      assert.ok(!text.includes("<script>") && !text.includes("<a>") && !text.includes("<t>"));
      assert.match(text, /&lt;script&gt;/);
    }
  });
});

describe("letters that no font has", () => {
  it("are named once; what is no letter is not asked for", () => {
    assert.deepEqual(lettersWithoutFont(["\u{10fffc}\u0001\u200d\ud800 plain \u00e9 \u044f", "\u{10fffc}"]), [
      "\u{10fffc}",
    ]);
  });
});

describe("the table", () => {
  const set = parse(
    '[{"file":"犬.jpg","captions":["A dog, \\"Rex\\".","走る犬"]},{"file":"b.jpg","captions":["B"]}]',
  );

  it("keeps all captions of each picture, or only those of the pictures asked for", () => {
    assert.deepEqual(captionTable(set).objects(), [
      { id: 1, file_name: "犬.jpg", captions: ['A dog, "Rex".', "走る犬"] },
      { id: 2, file_name: "b.jpg", captions: ["B"] },
    ]);
    assert.equal(captionTable(set, new Set([2])).numRows(), 1);
    assert.deepEqual(preview(captionTable(set), 8).get("captions", 0), "A dog, …");
  });

  it("is saved as Parquet and CSV that read back the same", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const [parquet, csv] = await saveTable(captionTable(set), `${folder}/table`);
      const rows = await parquetReadObjects({ file: (await Deno.readFile(parquet)).buffer });
      assert.deepEqual(rows, captionTable(set).objects());
      assert.deepEqual(parse(await Deno.readTextFile(csv)).captions, set.captions);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });

  it("keeps ids beyond 32 bits", async () => {
    const folder = await Deno.makeTempDir();
    try {
      const big = {
        ...set,
        images: [{ ...set.images[0], id: 2 ** 40 }],
        captions: new Map([[2 ** 40, ["x"]]]),
      };
      const [parquet] = await saveTable(captionTable(big), `${folder}/table`);
      const [row] = await parquetReadObjects({ file: (await Deno.readFile(parquet)).buffer });
      assert.equal(row.id, 2n ** 40n);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  });
});
