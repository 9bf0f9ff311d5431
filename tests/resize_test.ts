/** Resizing, against Pillow. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { crop } from "../lib/image/crop.ts";
import { resizeBilinear } from "../lib/image/resize.ts";
import goldens from "./goldens/resize.json" with { type: "json" };
import { formulaPixels } from "./pictures.ts";

describe("resizeBilinear()", () => {
  for (const { from, to, sha256, start, end } of goldens.cases) {
    it(`equals Pillow to the bit from ${from.join(" × ")} to ${to.join(" × ")}`, async () => {
      const { data } = resizeBilinear(formulaPixels(from[0], from[1]), { width: to[0], height: to[1] });
      assert.deepEqual([...data.slice(0, start.length)], start);
      assert.deepEqual([...data.slice(-end.length)], end);
      assert.equal(new Uint8Array(await crypto.subtle.digest("SHA-256", data.slice())).toHex(), sha256);
    });
  }

  it("computes a window as if cut from the whole", () => {
    const pixels = formulaPixels(61, 90);
    const window = { left: 3, top: 5, width: 20, height: 17 };
    for (const size of [{ width: 40, height: 50 }, { width: 100, height: 120 }, { width: 60, height: 30 }]) {
      assert.deepEqual(resizeBilinear(pixels, size, window), crop(resizeBilinear(pixels, size), window));
    }
  });

  it("refuses sizes and windows that cannot be", () => {
    const pixels = formulaPixels(4, 4);
    assert.throws(() => resizeBilinear(pixels, { width: 0, height: 4 }), /picture of 0 × 4 pixels/);
    assert.throws(() => resizeBilinear(pixels, { width: 2.5, height: 4 }), RangeError);
    const window = { left: 5, top: 0, width: 4, height: 8 };
    assert.throws(
      () => resizeBilinear(pixels, { width: 8, height: 8 }, window),
      /4 × 8 pixels at \(5, 0\) from 8 × 8/,
    );
  });
});
