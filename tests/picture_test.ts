// This module runs in Deno only.
/** Picture files: decoding and encoding. */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { crc32 } from "../lib/data/crc32.ts";
import { decodeFile, decodeImage } from "../lib/deno/decode.ts";
import { encodeJpeg, encodePng } from "../lib/deno/encode.ts";
import { orient } from "../lib/image/orient.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { type Pixels, pixelsOf } from "../lib/image/pixels.ts";
import { DEFAULT_PREPROCESSING, preprocess } from "../lib/image/preprocess.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { difference, drawing, join, latin1, problemOf } from "./pictures.ts";

const ODD = `${FIXTURES}/data/odd-images`;
const PHOTOS = `${FIXTURES}/data/coco/photos`;
const lacksOdd = { ignore: lacksFixture("data/odd-images") };

/** An EXIF block as a camera writes it: its make, then the orientation. */
const exif = (orientation: number) =>
  latin1(
    "MM\0*\0\0\0\x08\0\x02" +
      "\x01\x0f\0\x02\0\0\0\x04abc\0" +
      `\x01\x12\0\x03\0\0\0\x01\0${String.fromCharCode(orientation)}\0\0` +
      "\0\0\0\0",
  );

/** A number as PNG writes it. */
function uint32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** The JPEG with a segment put in behind its first two bytes. */
function withSegment(jpeg: Uint8Array, contents: Uint8Array): Uint8Array {
  const length = contents.length + 2;
  return join(
    jpeg.subarray(0, 2),
    Uint8Array.of(0xff, 0xe1, length >> 8, length & 255),
    contents,
    jpeg.subarray(2),
  );
}

describe("decodeImage()", () => {
  it("gives back what a PNG was made of", async () => {
    assert.deepEqual(await decodeImage(await encodePng(drawing())), drawing());
  });

  it("gives back nearly what a JPEG was made of", async () => {
    assert.ok(difference(await decodeImage(await encodeJpeg(drawing(), 95)), drawing()) < 3);
  });

  it("turns pictures as EXIF says, else as XMP says", async () => {
    const sideways = orient(drawing(), 8); // 8 undoes 6
    const jpeg = await encodeJpeg(sideways, 95);
    const upright = orient(await decodeImage(jpeg), 6);
    const xmp = latin1('http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation="6"/>');
    const byExif = withSegment(jpeg, join(latin1("Exif\0\0"), exif(6)));
    assert.deepEqual(await decodeImage(byExif), upright);
    assert.deepEqual(await decodeImage(withSegment(jpeg, xmp)), upright);
    assert.deepEqual(
      await decodeImage(withSegment(byExif, xmp.map((byte) => byte === 54 ? 51 : byte))),
      upright,
    );
    const png = await encodePng(sideways);
    const contents = join(latin1("eXIf"), exif(6));
    const chunk = join(uint32(exif(6).length), contents, uint32(crc32(contents)));
    assert.deepEqual(await decodeImage(join(png.subarray(0, 33), chunk, png.subarray(33))), drawing());
  });

  it("makes transparent parts white", async () => {
    const gif = Uint8Array.from(
      atob("R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7"),
      (c) => c.charCodeAt(0),
    );
    assert.deepEqual(await decodeImage(gif), { width: 1, height: 1, data: Uint8Array.of(255, 255, 255) });
  });

  it("refuses every cut of a JPEG, and one with pixels cut out", async () => {
    const jpeg = await encodeJpeg(drawing());
    for (const length of [3, 20, 300, jpeg.length >> 1, jpeg.length - 2, jpeg.length - 1]) {
      assert.equal(await problemOf(decodeImage(jpeg.subarray(0, length))), "truncated", `${length} bytes`);
    }
    const hollow = join(jpeg.subarray(0, jpeg.length - 200), jpeg.subarray(jpeg.length - 2));
    assert.equal(await problemOf(decodeImage(hollow)), "corrupt");
    assert.equal((await decodeImage(jpeg)).width, 48); // and goes on after each
  });

  it("skips junk between a JPEG's segments, also where the file is cut", async () => {
    const jpeg = await encodeJpeg(drawing());
    const junky = join(jpeg.subarray(0, 20), latin1("junk"), jpeg.subarray(20));
    assert.deepEqual(await decodeImage(junky), await decodeImage(jpeg));
    assert.equal(await problemOf(decodeImage(junky.subarray(0, junky.length - 100))), "truncated");
  });

  it("keeps pictures apart that are decoded at once", async () => {
    const jpeg = await encodeJpeg(drawing());
    const hollow = join(jpeg.subarray(0, jpeg.length - 200), jpeg.subarray(jpeg.length - 2));
    const all = [jpeg, hollow, jpeg, hollow, hollow, jpeg].map((bytes) => decodeImage(bytes));
    const results = (await Promise.allSettled(all)).map(({ status }) => status);
    assert.deepEqual(results, ["fulfilled", "rejected", "fulfilled", "rejected", "rejected", "fulfilled"]);
  });

  it("refuses cut and damaged PNGs", async () => {
    const png = await encodePng(drawing());
    assert.equal(await problemOf(decodeImage(png.subarray(0, png.length - 30))), "truncated");
    const damaged = png.with(60, png[60] ^ 1);
    assert.equal(await problemOf(decodeImage(damaged)), "corrupt");
  });

  it("survives junk of every kind", async () => {
    const jpeg = await encodeJpeg(drawing());
    let refused = 0;
    for (let i = 2; i < jpeg.length; i += 7) { // one byte at a time set to something else
      await decodeImage(jpeg.with(i, jpeg[i] ^ 0x55)).catch((error) => {
        assert.ok(error instanceof PictureError, String(error));
        refused++;
      });
    }
    assert.ok(refused > 10, `${refused} refused`);
    assert.deepEqual(await decodeImage(jpeg), await decodeImage(jpeg));
  });
});

describe("odd pictures", lacksOdd, () => {
  /** What must be refused, and how; everything else must decode. */
  const REFUSED: [name: RegExp, problem: string][] = [
    [/^synthetic\/(html_named\.jpg|SOURCE\.txt)$|LICENSE$|README$/, "not a picture"],
    [/\.(webp|tif|bmp|ico|ppm)$/, "unsupported"],
    [/^synthetic\/two_bytes_soi\.jpg$|^pillow\/(truncated_jpeg\.jpg|broken\.png)$/, "truncated"],
    [/^pillow\/decompression_bomb\.gif$/, "too large"], // 65,535 × 66,601 in 44 bytes
    [/^pillow\/no_palette\.gif$/, "corrupt"],
    [/^pngsuite\/x(cr|lf|s1|s2|s4|s7)n0g0\d\.png$/, "not a picture"], // their first bytes are wrong
    [/^pngsuite\/x(c1|c9|cs|d0|d3|d9|dt|hd)n[02][cg]0\d\.png$/, "corrupt"], // colour type, checksum, depth, no pixels
  ];
  const pictures = new Map<string, Pixels>();
  const problems = new Map<string, string>();
  const picture = (name: string) => pictures.get(name) ?? assert.fail(`${name} was not decoded`);

  beforeAll(async () => {
    for (const folder of Deno.readDirSync(ODD)) {
      for (const { name } of folder.isDirectory ? Deno.readDirSync(`${ODD}/${folder.name}`) : []) {
        const path = `${folder.name}/${name}`;
        try {
          pictures.set(path, await decodeFile(`${ODD}/${path}`));
        } catch (error) {
          if (!(error instanceof PictureError)) throw error;
          assert.ok(error.message.includes(path), error.message);
          problems.set(path, error.problem);
        }
      }
    }
  });

  it("are refused by name where they should be, and only there", () => {
    assert.ok(
      pictures.size > 180 && problems.size > 25,
      `${pictures.size} decoded, ${problems.size} refused`,
    );
    for (const name of pictures.keys()) assert.ok(!REFUSED.some(([pattern]) => pattern.test(name)), name);
    for (const [name, problem] of problems) {
      assert.equal(problem, REFUSED.find(([pattern]) => pattern.test(name))?.[1], name);
    }
  });

  it("agree with their plain twins: interlaced, split into chunks, packed otherwise", () => {
    let pairs = 0;
    for (const [name, pixels] of pictures) {
      const twin = name.replace("/basi", "/basn").replace(/\/oi[249]/, "/oi1").replace(/\/z0[369]/, "/z00")
        .replace(/\/s(\d\d)i/, "/s$1n");
      if (twin === name) continue;
      assert.deepEqual(pixels, picture(twin), name);
      pairs++;
    }
    assert.equal(pairs, 15 + 6 + 3 + 18);
  });

  it("agree with the photo they were made from: CMYK, progressive, gray, with garbage behind", async () => {
    const photo = await decodeFile(`${PHOTOS}/000000000885.jpg`);
    const made = (kind: string) => picture(`synthetic/000000000885_${kind}.jpg`);
    assert.deepEqual(made("trailing_garbage"), photo);
    for (const kind of ["cmyk", "progressive"]) assert.ok(difference(made(kind), photo) < 3, kind);
    const { data, ...size } = photo;
    const luma = data.map((_, i) => {
      const at = i - i % 3;
      return Math.round(0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2]);
    });
    assert.ok(difference(made("gray"), { data: luma, ...size }) < 2);
  });

  it("stand upright whichever way they were stored", () => {
    const small = (name: string) => {
      const bytes = preprocess(picture(name), { ...DEFAULT_PREPROCESSING, size: 16 });
      return pixelsOf({ width: 16, height: 16 }, bytes);
    };
    for (const [set, codes] of [["Landscape", [6, 8]], ["Portrait", [3, 6]]] as const) {
      const upright = small(`exif-orientation/${set}_1.jpg`);
      assert.ok(difference(orient(upright, 3), upright) > 20); // so that agreement says something
      for (const code of codes) {
        const turned = small(`exif-orientation/${set}_${code}.jpg`);
        assert.ok(difference(turned, upright) < 4, `${set}_${code}: ${difference(turned, upright)}`);
      }
    }
    const hopper = small("pillow/hopper_orientation_3.jpg");
    for (const code of [5, 8]) {
      assert.ok(difference(small(`pillow/hopper_orientation_${code}.jpg`), hopper) < 1);
    }
  });
});
