/** Resizing, against Pillow and PyTorch. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { crop } from "../lib/image/crop.ts";
import { resizeBilinear } from "../lib/image/resize.ts";
import { resizeBilinearFloat } from "../lib/image/resize_float.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import goldens from "./goldens/resize.json" with { type: "json" };
import { formulaPixels } from "./pictures.ts";

const RESIZE_GOLDEN = "reference/golden/ops/resize_bilinear_antialias";

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

describe("resizeBilinearFloat()", () => {
  it(
    "equals PyTorch's antialiased interpolation",
    { ignore: lacksFixture(`${RESIZE_GOLDEN}.json`) },
    async () => {
      const path = `${FIXTURES}/${RESIZE_GOLDEN}`;
      const { cases } = JSON.parse(await Deno.readTextFile(`${path}.json`));
      const { tensors } = parseSafetensors(await Deno.readFile(`${path}.safetensors`), path);
      assert.ok(cases.length >= 5);
      for (const { case: name, attributes: { output_size: [height, width] } } of cases) {
        const x = tensors.get(`${name}/x`)!;
        const y = tensors.get(`${name}/y`)!;
        const [batch, channels, rows, columns] = x.shape;
        const plane = rows * columns;
        for (let map = 0; map < batch * channels; map++) { // NCHW: each channel is a map of its own
          const data = Float32Array.from(x.data.subarray(map * plane, (map + 1) * plane) as Float32Array);
          const resized = resizeBilinearFloat({ width: columns, height: rows, channels: 1, data }, {
            width,
            height,
          });
          resized.data.forEach((value, i) => {
            const wanted = Number(y.data[map * width * height + i]);
            assert.ok(
              Math.abs(value - wanted) <= 3e-7 * (1 + Math.abs(wanted)),
              `${name}[${i}]: ${value}, not ${wanted}`,
            );
          });
        }
      }
    },
  );

  it("resizes every channel on its own", () => {
    const data = Float32Array.of(0, 10, 1, 20, 2, 30, 3, 40);
    const resized = resizeBilinearFloat({ width: 4, height: 1, channels: 2, data }, { width: 1, height: 1 });
    assert.deepEqual([...resized.data], [1.5, 25]);
  });
});
