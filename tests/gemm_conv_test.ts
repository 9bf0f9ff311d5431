// This module runs in Deno only.
/** The engine's convolutions against the kernels' twins: strides, padding, groups, depthwise, ragged sizes. */

import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { conv2dKernel } from "../kernels/conv2d.ts";
import { conv2dBackwardInputKernel } from "../kernels/conv2d_backward_input.ts";
import { conv2dBackwardWeightKernel } from "../kernels/conv2d_backward_weight.ts";
import type { ConvShape } from "../kernels/gemm/mod.ts";
import { ENGINES, Workbench } from "./gemm_workbench.ts";

/** The kernels' parameters of a shape. */
function params(s: ConvShape) {
  return {
    ...{ batch: s.batch, in_height: s.inHeight, in_width: s.inWidth, in_channels: s.inChannels },
    ...{ out_height: s.outHeight, out_width: s.outWidth, out_channels: s.outChannels },
    ...{ kernel_height: s.kernelHeight, kernel_width: s.kernelWidth },
    ...{ stride: s.stride, padding: s.padding, groups: s.groups },
  };
}

type Sizes = Omit<ConvShape, "outHeight" | "outWidth">;

function shapeOf(s: Sizes): ConvShape {
  const out = (size: number, kernel: number) => Math.floor((size + 2 * s.padding - kernel) / s.stride) + 1;
  return { ...s, outHeight: out(s.inHeight, s.kernelHeight), outWidth: out(s.inWidth, s.kernelWidth) };
}

for (const { name, options, ignore } of ENGINES) {
  describe(`SIMD convolution, ${name}`, { ignore }, () => {
    let bench: Workbench;
    beforeAll(async () => {
      bench = await Workbench.open(options);
    });
    afterAll(() => bench.close());

    function check(s: ConvShape, options: { bias: boolean; relu: number }): void {
      bench.reset();
      const inputs = s.batch * s.inHeight * s.inWidth * s.inChannels;
      const outputs = s.batch * s.outHeight * s.outWidth * s.outChannels;
      const weights = s.kernelHeight * s.kernelWidth * s.inChannels / s.groups * s.outChannels;
      const [x, weight, dY] = [bench.random(inputs), bench.random(weights), bench.random(outputs)];
      const bias = bench.random(s.outChannels);
      const [y, dX, dWeight] = [bench.array(outputs), bench.array(inputs), bench.array(weights)];
      for (const array of [y, dX, dWeight]) array.fill(NaN); // all of it must be written
      const p = params(s);
      const what = JSON.stringify({ ...s, ...options });
      const wide = (length: number) => new Float64Array(length);
      // Each result is a sum of this many products of numbers up to 1.
      const tolerance = (terms: number) => 1e-6 + 3e-8 * terms;
      const taps = s.kernelHeight * s.kernelWidth;

      const want = { y: wide(outputs), d_x: wide(inputs), d_weight: wide(weights) };
      const flags = { use_bias: Number(options.bias), relu: options.relu };
      conv2dKernel.cpu({ x, weight, bias, y: want.y }, { ...p, ...flags });
      bench.engine.conv2d({ x, weight, y, bias: options.bias ? bias : undefined }, s, { relu: options.relu });
      bench.assertNear(y, want.y, { tolerance: tolerance(taps * s.inChannels), what: `y of ${what}` });

      conv2dBackwardInputKernel.cpu({ d_y: dY, weight, d_x: want.d_x }, p);
      bench.engine.conv2dBackwardInput({ dY, weight, dX }, s);
      bench.assertNear(dX, want.d_x, { tolerance: tolerance(taps * s.outChannels), what: `dX of ${what}` });

      conv2dBackwardWeightKernel.cpu({ x, d_y: dY, d_weight: want.d_weight }, { ...p, splits: 1 });
      bench.engine.conv2dBackwardWeight({ x, dY, dWeight }, s);
      const pixels = s.batch * s.outHeight * s.outWidth;
      bench.assertNear(dWeight, want.d_weight, { tolerance: tolerance(pixels), what: `dWeight of ${what}` });
    }

    it("equals the twins for random shapes", () => {
      for (let round = 0; round < 120; round++) {
        const groups = bench.pick([1, 1, 1, 2, 3]);
        const depthwise = bench.pick([false, false, false, true]) ? bench.pick([2, 4, 7, 16, 37]) : 0;
        const s = shapeOf({
          batch: bench.pick([1, 2, 5]),
          inHeight: bench.pick([1, 2, 5, 8, 13]),
          inWidth: bench.pick([1, 3, 4, 9, 14]),
          inChannels: depthwise || groups * bench.pick([1, 2, 3, 5, 8]),
          outChannels: depthwise || groups * bench.pick([1, 3, 8, 9, 17]),
          kernelHeight: bench.pick([1, 2, 3, 3, 7]),
          kernelWidth: bench.pick([1, 2, 3, 3, 5]),
          stride: bench.pick([1, 1, 2, 3]),
          padding: bench.pick([0, 1, 1, 3]),
          groups: depthwise || groups,
        });
        if (s.outHeight < 1 || s.outWidth < 1) continue;
        check(s, { bias: bench.pick([true, false]), relu: bench.pick([0, 1, 2]) });
      }
    });

    it("equals the twins where images, rows and channels are cut into blocks", () => {
      const square = { kernelHeight: 3, kernelWidth: 3, padding: 1, groups: 1 };
      const options = { bias: true, relu: 2 };
      // Two images share a band of the weights' gradient, the third has its own; the weights take two blocks.
      const deep = { inHeight: 15, inWidth: 15, inChannels: 16, outChannels: 24, stride: 1 };
      check(shapeOf({ ...square, ...deep, batch: 3 }), options);
      // A band is some rows of one image.
      const wide = { inHeight: 9, inWidth: 300, inChannels: 40, outChannels: 9, stride: 2 };
      check(shapeOf({ ...square, ...wide, batch: 1 }), options);
      // Strides past the image: a window that sees nothing but padding.
      for (const kernelWidth of [1, 2]) {
        const far = { inHeight: 3, inWidth: 1, inChannels: 5, outChannels: 6, stride: 7, padding: 3 };
        check(shapeOf({ ...far, kernelHeight: 1, kernelWidth, groups: 1, batch: 2 }), options);
      }
      const pointwise = { inHeight: 12, inWidth: 11, inChannels: 130, outChannels: 70, stride: 1 };
      check(
        shapeOf({ ...pointwise, kernelHeight: 1, kernelWidth: 1, padding: 0, groups: 1, batch: 2 }),
        options,
      );
    });

    it("applies ReLU to whole sums where a product's inner size is cut into pieces", () => {
      const sizes = { outChannels: 70, kernelHeight: 1, kernelWidth: 1, stride: 1, padding: 0, groups: 1 };
      for (const [inHeight, inWidth, inChannels] of [[7, 7, 1290], [3, 5, 1290], [1, 1, 2000]]) {
        const s = shapeOf({ ...sizes, batch: 1, inHeight, inWidth, inChannels });
        for (const bias of [true, false]) check(s, { bias, relu: bias ? 1 : 2 });
      }
    });

    it("equals the twins for random shapes with enough to do for a BLAS", () => {
      let checked = 0;
      for (let round = 0; checked < 12 && round < 100; round++) {
        const s = shapeOf({
          batch: bench.pick([1, 2, 5]),
          inHeight: bench.pick([7, 8, 13, 23]),
          inWidth: bench.pick([5, 9, 14, 31]),
          inChannels: bench.pick([8, 13, 20, 40]),
          outChannels: bench.pick([16, 37, 70]),
          kernelHeight: bench.pick([1, 2, 3, 3, 5]),
          kernelWidth: bench.pick([1, 2, 3, 3, 5]),
          stride: bench.pick([1, 1, 2, 3]),
          padding: bench.pick([0, 1, 1, 2, 6]),
          groups: 1,
        });
        const pixels = s.batch * s.outHeight * s.outWidth;
        const work = pixels * s.outChannels * s.kernelHeight * s.kernelWidth * s.inChannels;
        if (!(work >= 1 << 20 && work < 6 << 20)) continue;
        check(s, { bias: bench.pick([true, false]), relu: bench.pick([0, 1, 2]) });
        checked++;
      }
      assert.equal(checked, 12);
    });

    it("lets NaN through, the padding's zeros apart", () => {
      const sizes = {
        batch: 1,
        inHeight: 3,
        inWidth: 3,
        inChannels: 1,
        outChannels: 1,
        stride: 1,
        padding: 1,
      };
      const s = shapeOf({ ...sizes, kernelHeight: 3, kernelWidth: 3, groups: 1 });
      bench.reset();
      const [x, weight, y] = [bench.array(9), bench.random(9), bench.array(9)];
      x[0] = NaN;
      for (const relu of [1, 2]) {
        bench.engine.conv2d({ x, weight, y }, s, { relu });
        assert.deepEqual([...y], [NaN, NaN, 0, NaN, NaN, 0, 0, 0, 0]);
      }
    });

    it("explains shapes that contradict themselves", () => {
      const sizes = {
        batch: 1,
        inHeight: 3,
        inWidth: 3,
        inChannels: 2,
        outChannels: 2,
        stride: 1,
        padding: 0,
      };
      const s = shapeOf({ ...sizes, kernelHeight: 2, kernelWidth: 2, groups: 1 });
      bench.reset();
      const buffers = { x: bench.array(18), weight: bench.array(16), y: bench.array(8) };
      assert.throws(
        () => bench.engine.conv2d(buffers, { ...s, outHeight: 4 }),
        { name: "RangeError", message: "Cannot convolve: an image of 3x3 gives 2x2, not 4x2" },
      );
      assert.throws(() => bench.engine.conv2d(buffers, { ...s, groups: 4 }), /do not divide into 4 groups/);
      assert.throws(
        () => bench.engine.conv2d({ ...buffers, x: bench.array(17) }, s),
        /"x": elements 0 to 18/,
      );
    });
  });
}
