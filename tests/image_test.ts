/** Pictures in memory: orientation, preprocessing, colours, headers. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { dropAlpha, flattenOnWhite } from "../lib/image/alpha.ts";
import { centreBox, crop, shortSideSize } from "../lib/image/crop.ts";
import { sniff } from "../lib/image/header.ts";
import { orient, type Orientation } from "../lib/image/orient.ts";
import { PictureError } from "../lib/image/picture_error.ts";
import { type Pixels, pixelsOf } from "../lib/image/pixels.ts";
import { DEFAULT_PREPROCESSING, preprocess } from "../lib/image/preprocess.ts";
import { recolour } from "../lib/image/recolour.ts";
import { resizeBilinear } from "../lib/image/resize.ts";
import { Random } from "../lib/random.ts";
import { formulaPixels, latin1 } from "./pictures.ts";

/** A gray picture from rows of digits, one a pixel. */
function gray(...rows: string[]): Pixels {
  const data = Uint8Array.from([...rows.join("")].flatMap((digit) => [+digit, +digit, +digit]));
  return pixelsOf({ width: rows[0].length, height: rows.length }, data);
}

function rowsOf({ width, height, data }: Pixels): string[] {
  const digits = Array.from({ length: width * height }, (_, i) => data[3 * i]).join("");
  return Array.from({ length: height }, (_, y) => digits.slice(y * width, (y + 1) * width));
}

describe("orient()", () => {
  const stored: Record<Orientation, string[]> = { // how a camera stores the picture 12/34/56
    1: ["12", "34", "56"],
    2: ["21", "43", "65"],
    3: ["65", "43", "21"],
    4: ["56", "34", "12"],
    5: ["135", "246"],
    6: ["246", "135"],
    7: ["642", "531"],
    8: ["531", "642"],
  };
  for (const [code, rows] of Object.entries(stored)) {
    it(`turns orientation ${code} upright`, () => {
      const upright = orient(gray(...rows), Number(code) as Orientation);
      assert.deepEqual(rowsOf(upright), ["12", "34", "56"]);
    });
  }
});

describe("preprocess()", () => {
  it("squashes the whole picture", () => {
    const pixels = formulaPixels(30, 20);
    const bytes = preprocess(pixels, { ...DEFAULT_PREPROCESSING, size: 8 });
    assert.deepEqual(bytes, resizeBilinear(pixels, { width: 8, height: 8 }).data);
  });

  it("crops the centre after bringing the short side to its length", () => {
    const pixels = formulaPixels(30, 20);
    const whole = resizeBilinear(pixels, { width: 15, height: 10 });
    const bytes = preprocess(pixels, { ...DEFAULT_PREPROCESSING, size: 8, resize: "crop", shortSide: 10 });
    assert.deepEqual(bytes, crop(whole, { left: 4, top: 1, width: 8, height: 8 }).data); // 3.5 rounds to even
  });

  it("refuses a crop that is larger than the picture", () => {
    const preprocessing = { ...DEFAULT_PREPROCESSING, resize: "crop", shortSide: 32 } as const;
    assert.throws(() => preprocess(formulaPixels(30, 20), preprocessing), /Cannot cut 64 × 64 pixels/);
  });

  it("rounds sizes as torchvision does", () => {
    assert.deepEqual(shortSideSize({ width: 640, height: 427 }, 256), { width: 383, height: 256 });
    assert.deepEqual(shortSideSize({ width: 427, height: 640 }, 256), { width: 256, height: 383 });
    const square = { width: 224, height: 224 };
    assert.deepEqual(centreBox({ width: 383, height: 256 }, square), { left: 80, top: 16, ...square }); // 79.5
    assert.equal(centreBox({ width: 225, height: 233 }, square).top, 4); // 4.5: half to even
  });

  it("leaves the picture as it was", () => {
    const pixels = formulaPixels(64, 64);
    preprocess(pixels, DEFAULT_PREPROCESSING).fill(0);
    assert.deepEqual(pixels, formulaPixels(64, 64));
  });
});

describe("dropAlpha()", () => {
  it("keeps three channels of every pixel, at any number of pixels and any place in memory", () => {
    for (const [width, height, offset] of [[4, 2, 0], [7, 3, 8], [1, 1, 0], [5, 1, 3]]) {
      const rgba = new Uint8Array(offset + 4 * width * height).map((_, i) => i * 37 % 256).subarray(offset);
      const wanted = rgba.filter((_, i) => i % 4 < 3);
      assert.deepEqual(dropAlpha(rgba, { width, height }), { width, height, data: wanted });
    }
  });
});

describe("flattenOnWhite()", () => {
  it("lays transparent colours on white", () => {
    const rgba = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 0, 100, 255, 51);
    const { data } = flattenOnWhite(rgba, { width: 3, height: 1 });
    assert.deepEqual([...data], [10, 20, 30, 255, 255, 255, 204, 224, 255]);
  });
});

describe("recolour()", () => {
  const pixels = formulaPixels(20, 16);

  it("is the same for the same numbers and another for others, as large, and nothing by nothing", () => {
    const from = (seed: number, amount = 0.3) => {
      const random = new Random(seed);
      return recolour(pixels, amount, () => random.uniform());
    };
    assert.deepEqual(from(1), from(1));
    assert.notDeepEqual(from(1), from(2));
    assert.deepEqual([from(1).width, from(1).height], [20, 16]);
    assert.deepEqual(from(1, 0), pixels);
  });

  it("scales brightness, contrast and saturation by one factor each", () => {
    const one = pixelsOf({ width: 1, height: 1 }, Uint8Array.of(100, 130, 160));
    const changed = (...numbers: number[]) => [...recolour(one, 0.5, () => numbers.shift()!).data];
    assert.deepEqual(changed(1, 0.5, 0.5), [150, 195, 240]); // brightness 1.5
    assert.deepEqual(changed(0.5, 0, 0.5), [114, 129, 144]); // half the distance from 128
    assert.deepEqual(changed(0.5, 0.5, 0), [115, 130, 145]); // half the distance from their mean, 130
  });

  it("keeps gray gray and colours in range", () => {
    const random = new Random(5);
    const { data } = recolour(gray("09", "90"), 1, () => random.uniform());
    for (let i = 0; i < data.length; i += 3) assert.deepEqual([data[i + 1], data[i + 2]], [data[i], data[i]]);
    assert.throws(() => recolour(pixels, 1.5, () => 0), /Cannot change colours by 1\.5/);
  });
});

describe("sniff()", () => {
  const refusal = (bytes: Uint8Array, options = {}) => {
    try {
      sniff(bytes, { name: "photo.x", ...options });
    } catch (error) {
      if (error instanceof PictureError) return error;
      throw error;
    }
    throw new Error("it was not refused");
  };
  /** The first 33 bytes of a PNG. */
  const png = (width: number, height: number) => {
    const bytes = latin1("\x89PNG\r\n\x1a\n\0\0\0\rIHDR".padEnd(33, "\0"));
    new DataView(bytes.buffer).setUint32(16, width);
    new DataView(bytes.buffer).setUint32(20, height);
    return bytes;
  };
  /** A JPEG without pixels. */
  const jpeg = (width: number, height: number) =>
    Uint8Array.of(
      0xff,
      0xd8,
      0xff,
      0xc0,
      0,
      17,
      8,
      height >> 8,
      height,
      width >> 8,
      width,
      3,
      ...Array(9),
      0xff,
      0xd9,
    );

  const kinds: [start: string, label: string, problem: string][] = [
    [
      "RIFF\x10\0\0\0WEBPVP8 ",
      "a WebP picture, which is not supported, convert it to JPEG or PNG",
      "unsupported",
    ],
    ["II*\0\x08\0\0\0\0\0\0\0", "a TIFF picture", "unsupported"],
    ["MM\0*\0\0\0\x08\0\0\0\0", "a TIFF picture", "unsupported"],
    ["BM\x36\0\0\0\0\0\0\0\x36\0", "a BMP picture", "unsupported"],
    ["\0\0\x01\0\x01\0\x10\x10\0\0\x01\0", "an icon", "unsupported"],
    ["\0\0\0\x20ftypavif\0\0\0\0", "an AVIF picture", "unsupported"],
    ["\0\0\0\x18ftypheic\0\0\0\0", "a HEIC picture", "unsupported"],
    ["\0\0\0\x18ftypisom\0\0\0\0", "a video", "not a picture"],
    ["<?xml version='1.0'?>\n<svg xmlns='x'/>", "an SVG drawing", "unsupported"],
    ["P6\n10 10\n255\n......", "a PPM, PGM or PBM picture", "unsupported"],
    ["\n<!DOCTYPE html><html>", "an HTML page", "not a picture"],
    ["<html><body>404</body>", "an HTML page", "not a picture"],
    ["%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "a PDF document", "not a picture"],
    ['{"error": "not found"}', "a text file", "not a picture"],
    ["\x89PNG\n\x1a\n\0\0\0\rIHDR", "a PNG picture damaged on its way", "not a picture"],
    ["\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c", "a file of an unknown kind", "not a picture"],
  ];
  for (const [start, label, problem] of kinds) {
    it(`names ${label.split(",")[0]}`, () => {
      const error = refusal(latin1(start));
      assert.equal(error.problem, problem);
      assert.ok(error.message.startsWith(`Cannot decode photo.x: it is ${label}`), error.message);
    });
  }

  it("names empty and very short files", () => {
    assert.equal(refusal(new Uint8Array()).problem, "empty");
    assert.equal(
      refusal(latin1("\xff\xd8")).message,
      "Cannot decode photo.x: it has only 2 bytes, save or download it again",
    );
  });

  it("refuses huge pictures by their header", () => {
    const wanted = /it has 50000 × 50000 = 2500 million pixels, at most 100 million are allowed/;
    assert.match(refusal(png(50_000, 50_000)).message, wanted);
    assert.match(refusal(jpeg(50_000, 50_000)).message, wanted);
    assert.equal(refusal(png(100, 100), { maxPixels: 9999 }).problem, "too large");
    assert.equal(sniff(png(100, 100), { maxPixels: 10_000 }).width, 100);
    assert.equal(refusal(png(0, 5)).problem, "corrupt");
  });

  it("reads sizes", () => {
    const { format, width, height, orientation, components } = sniff(jpeg(640, 427));
    assert.deepEqual([format, width, height, orientation, components], ["jpeg", 640, 427, 1, 3]);
  });

  it("survives every cut of a header", () => {
    for (
      const bytes of [png(10, 20), jpeg(10, 20), latin1("GIF89a\x0a\0\x14\0\0\0\0,\0\0\0\0\x0a\0\x14\0\0;")]
    ) {
      assert.equal(sniff(bytes).height, 20);
      for (let length = 0; length < bytes.length; length++) {
        try {
          sniff(bytes.subarray(0, length));
        } catch (error) {
          assert.ok(error instanceof PictureError, String(error));
        }
      }
    }
  });
});
