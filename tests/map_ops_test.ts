/** Ops on feature maps and pictures: gradients, the same values on every backend, odd numbers, errors. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import { CpuBackend, openCpu } from "../lib/backend/cpu.ts";
import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  batchNorm,
  type BatchNormOptions,
  conv2d,
  filled,
  globalAvgPool,
  interpolate,
  maxPool2d,
  type MaxPoolOptions,
  mean,
  normaliseImages,
  square,
  sum,
  tanh,
} from "../lib/ops/mod.ts";
import { Random } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { sizeOf, type Tensor, tensor } from "../lib/tensor.ts";
import { checkOp, compare, named, onAll, type Op, refuses } from "./check_op.ts";
import { backends } from "./devices.ts";

describe("pooling", () => {
  it("has the right values and gradients", async () => {
    await checkOp((x) => maxPool2d(x, { kernel: 2 }), [[2, 8, 6, 3]]);
    await checkOp((x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }), [[2, 9, 7, 5]]);
    await checkOp((x) => maxPool2d(x, { kernel: 2, stride: 3 }), [[1, 9, 8, 2]]);
    await checkOp((x) => maxPool2d(x, { kernel: 3, stride: 2, ceil: true }), [[2, 8, 7, 5]]);
    await checkOp((x) => avgPool2d(x, { kernel: 3, stride: 2, padding: 1 }), [[2, 9, 7, 5]]);
    await checkOp((x) => avgPool2d(x, { kernel: 2, stride: 3 }), [[1, 9, 8, 65]]);
    await checkOp((x) => adaptiveAvgPool2d(x, [5, 4]), [[1, 13, 17, 3]]);
    await checkOp((x) => adaptiveAvgPool2d(x, [8, 3]), [[2, 6, 9, 2]]);
    await checkOp(globalAvgPool, [[2, 5, 3, 7]]);
  });

  it("gives the gradient to the first of equal maxima", async () => {
    for (const backend of backends) {
      const x = filled(backend, [1, 2, 4, 1], 7);
      const { value, grads } = valueAndGrad([x], () => sum(maxPool2d(x, { kernel: 2 })));
      assert.deepEqual([...await grads[0].read()], [1, 0, 1, 0, 0, 0, 0, 0], backend.description);
      for (const used of [x, value, ...grads]) used.dispose();
    }
  });

  it("takes NaN for the largest number, and padding for the least", async () => {
    const nan = [[1, NaN, 5, 6, 2, 3, 7, 8], [1, 2, 4, 1]] as const;
    for (const got of await onAll((x) => maxPool2d(x, { kernel: 2 }), [nan])) assert.deepEqual(got, [NaN, 8]);
    const negative = [[-3, -2, -Infinity, -4], [1, 2, 2, 1]] as const;
    const padded: Op = (x) => maxPool2d(x, { kernel: 2, stride: 2, padding: 1 });
    for (const got of await onAll(padded, [negative])) assert.deepEqual(got, [-3, -2, -Infinity, -4]);
  });

  it("rounds up where asked, but never to a window of padding alone", () => {
    const positions = (size: number, options: MaxPoolOptions) => {
      const x = named("x", 1, size, size, 1);
      const y = maxPool2d(x, options);
      const [, rows] = y.shape;
      for (const tensor of [x, y]) tensor.dispose();
      return rows;
    };
    const caffe = { kernel: 3, stride: 2, ceil: true };
    assert.deepEqual([109, 54, 27, 6, 7].map((size) => positions(size, caffe)), [54, 27, 13, 3, 3]);
    assert.equal(positions(4, { kernel: 2, stride: 2, padding: 1, ceil: true }), 3);
    assert.equal(positions(3, { kernel: 2, stride: 2, padding: 1, ceil: true }), 2);
    assert.equal(positions(2, { kernel: 1, stride: 3, ceil: true }), 1); // a second one would begin outside
  });

  it("explains windows that do not fit", () => {
    const x = () => named("x", 1, 2, 8, 3);
    refuses(
      () => maxPool2d(x(), { kernel: 3 }),
      /Cannot pool "x" \[1, 2, 8, 3\]: its 2 rows .* the kernel's 3/,
    );
    refuses(() => maxPool2d(x(), { kernel: 2, padding: 2 }), /padding 2 is more than half the kernel's 2/);
    refuses(() => avgPool2d(x(), { kernel: 2, stride: 0 }), /stride 0 .* at least 1/);
    refuses(
      () => globalAvgPool(named("x", 2, 3)),
      /must be a feature map \[batch, height, width, channels\]/,
    );
  });
});

/** Batch norm with running statistics made on the spot. */
function normalise(options: BatchNormOptions): Op {
  return (x, weight, bias) => {
    const numbers = [...Array(weight.length).keys()];
    const runningMean = tensor(x.backend, numbers.map((c) => 0.1 * c));
    const runningVar = tensor(x.backend, numbers.map((c) => 0.5 + 0.1 * c));
    return batchNorm(x, { weight, bias, runningMean, runningVar }, options);
  };
}

describe("batchNorm()", () => {
  it("has the right values and gradients", async () => {
    const shapes = [[3, 5, 7, 4], [4], [4]];
    await checkOp(normalise({ training: true }), shapes);
    await checkOp(normalise({ training: true, activation: "relu" }), shapes);
    await checkOp(normalise({ training: false }), shapes);
    await checkOp(normalise({ training: false, activation: "relu" }), shapes);
    await checkOp(normalise({ training: true, activation: "relu" }), [[2, 19, 17, 3], [3], [3]]); // rows in several shares
    await checkOp(normalise({ training: true }), [[5, 1], [1], [1]]);
    // weights that send values to both sides of 0 and of 6
    const ranges = [[-1, 1], [3, 5], [1, 4]] as const;
    for (const training of [true, false]) {
      await checkOp(normalise({ training, activation: "relu6" }), shapes, { ranges });
      await checkOp(normalise({ training, activation: "relu6" }), [[2, 19, 17, 3], [3], [3]], { ranges });
    }
  });

  it("moves the running statistics, the variance by n - 1", async () => {
    for (const backend of backends) {
      const numbers = (...data: number[]) => tensor(backend, data);
      const norm = { weight: numbers(1), bias: numbers(0), runningMean: numbers(1), runningVar: numbers(2) };
      const x = tensor(backend, [1, 2, 6], { shape: [3, 1] }); // mean 3, sum of squares 14
      scope(() => void batchNorm(x, norm, { training: true, momentum: 0.5 }));
      assert.deepEqual([...await norm.runningMean.read()], [2], backend.description);
      assert.deepEqual([...await norm.runningVar.read()], [4.5], backend.description);
      for (const used of [x, ...Object.values(norm)]) used.dispose();
    }
  });

  it("keeps its digits where the mean is large", async () => {
    const rows = 300; // in shares
    const data = Array.from({ length: rows }, (_, i) => 4096 + (i % 3 - 1) / 8); // exact in f32
    const deviation = Math.sqrt(2 / 3 / 64);
    const want = data.map((value) => (value - 4096) / Math.sqrt(deviation ** 2 + 1e-5));
    const fn: Op = (x) =>
      normalise({ training: true })(x, filled(x.backend, [1], 1), filled(x.backend, [1], 0));
    for (const got of await onAll(fn, [[data, [rows, 1]]])) {
      compare(got, want, { what: "the value", tolerance: 1e-5 });
    }
  });

  for (const [activation, top] of [["relu", 19] as const, ["relu6", 6] as const]) {
    it(`lets NaN through its ${activation}`, async () => {
      const fn: Op = (x) =>
        normalise({ training: false, activation, epsilon: 0.5 })(
          x,
          filled(x.backend, [1], 1),
          filled(x.backend, [1], 0),
        );
      for (const [first, ...rest] of await onAll(fn, [[[NaN, -1, 19], [3, 1]]])) {
        assert.ok(Number.isNaN(first));
        assert.deepEqual(rest, [0, top]);
      }
    });
  }

  it("explains parameters that do not fit", () => {
    const x = () => named("features", 2, 3);
    refuses(
      () => normalise({ training: true })(x(), named("weight", 4), named("bias", 3)),
      /Cannot normalise "features" \[2, 3\] with "weight" \[4\]: it must be \[3\]/,
    );
    refuses(
      () => normalise({ training: true })(named("x", 1, 3), named("weight", 3), named("bias", 3)),
      /a variance needs more than one value a channel/,
    );
  });
});

describe("conv2d()", () => {
  it("has the right values and gradients", async () => {
    const biased: Op = (x, weight, bias) => conv2d(x, weight, { bias, stride: 2, padding: 1 });
    await checkOp(biased, [[2, 7, 6, 3], [3, 3, 3, 5], [5]]);
    await checkOp((x, w) => conv2d(x, w, { padding: 1, groups: 2 }), [[1, 5, 6, 4], [3, 3, 2, 6]]);
    await checkOp((x, w) => conv2d(x, w, { padding: 1, groups: 5 }), [[1, 5, 6, 5], [3, 3, 1, 5]]);
    await checkOp((x, w) => conv2d(x, w), [[2, 13, 11, 3], [1, 1, 3, 4]]);
    await checkOp((x, w) => conv2d(x, w, { stride: 3 }), [[1, 8, 9, 2], [2, 3, 2, 9]]);
  });

  it("pads at the end alone where asked, as TensorFlow does", async () => {
    const end: Op = (x, weight) => conv2d(x, weight, { stride: 2, paddingEnd: 1 });
    await checkOp(end, [[2, 6, 8, 3], [3, 3, 3, 5]]);
    const depthwise: Op = (x, weight) => conv2d(x, weight, { stride: 2, paddingEnd: 1, groups: 8 });
    await checkOp(depthwise, [[2, 6, 8, 8], [3, 3, 1, 8]]);
    refuses(
      () => conv2d(named("x", 1, 8, 8, 3), named("weight", 3, 3, 3, 8), { paddingEnd: 3 }),
      /3 rows and columns of zeros at the end, which should be fewer than the kernel's/,
    );
  });

  for (const activation of ["relu", "relu6"] as const) {
    it(`applies ${activation} with its gradient`, async () => {
      // so large that ReLU6 meets values on both sides of 0 and of 6
      const ranges = [[-4, 4], [-2, 2], [-1, 5]] as const;
      const biased: Op = (x, weight, bias) => conv2d(x, weight, { bias, stride: 2, padding: 1, activation });
      await checkOp(biased, [[2, 7, 6, 3], [3, 3, 3, 5], [5]], { ranges });
      const product: Op = (x, weight, bias) => conv2d(x, weight, { bias, activation });
      await checkOp(product, [[2, 5, 4, 3], [1, 1, 3, 4], [4]], { ranges });
      const depthwise: Op = (x, weight, bias) =>
        conv2d(x, weight, { bias, padding: 1, groups: 8, activation });
      await checkOp(depthwise, [[1, 5, 7, 8], [3, 3, 1, 8], [8]], { ranges });
    });
  }

  it("explains a weight that does not fit", () => {
    refuses(
      () => conv2d(named("x", 1, 8, 8, 3), named("weight", 3, 3, 4, 8)),
      /Cannot convolve "x" \[1, 8, 8, 3\] with "weight" \[3, 3, 4, 8\] in 1 groups: .* \[rows, columns, 3, outputs\]/,
    );
    refuses(
      () => conv2d(named("x", 1, 2, 8, 3), named("weight", 3, 3, 3, 8)),
      /its 2 rows or columns with padding 0 are fewer than the kernel's 3/,
    );
  });
});

describe("threads of the CPU", () => {
  it("do not change a bit, and large maps are right", async () => {
    const shape = [6, 33, 31, 37]; // large enough to be split between threads
    const C = shape[3];
    const block: Op = (x, weight, bias) => { // smooth: rounding must not decide which way a gradient goes
      const y = normalise({ training: true })(x, weight, bias);
      return avgPool2d(add(y, tanh(x)), { kernel: 3, stride: 2, padding: 1 });
    };
    const random = new Random(1);
    const data = [shape, [C], [C]].map((shape) =>
      Array.from({ length: sizeOf(shape) }, () => random.normal())
    );
    const alone = await openCpu({ threads: 1 });
    const [exact, one, ...others] = await Promise.all([new CpuBackend(), alone, ...backends].map(
      async (backend) => {
        const inputs = data.map((numbers, i) => tensor(backend, numbers, { shape: i ? [C] : shape }));
        const { value, grads } = valueAndGrad(inputs, () => mean(square(block(...inputs))));
        const outcome = await Promise.all([value, ...grads].map((tensor) => tensor.read()));
        for (const used of [...inputs, value, ...grads]) used.dispose();
        return { backend, outcome };
      },
    ));
    for (const { backend, outcome } of [one, ...others]) {
      const what = `on ${backend.description}`;
      if (backend.name === "cpu") assert.deepEqual(outcome, one.outcome, what);
      outcome.forEach((got, i) => compare(got, exact.outcome[i], { what, tolerance: 2e-5 }));
    }
    alone.close();
  });
});

describe("interpolate()", () => {
  it("has the right values and gradients", async () => {
    await checkOp((x) => interpolate(x, [5, 7]), [[1, 13, 17, 2]]);
    await checkOp((x) => interpolate(x, [9, 11]), [[2, 5, 4, 3]]);
    await checkOp((x) => interpolate(x, [11, 8]), [[1, 6, 20, 2]]);
    await checkOp((x) => interpolate(x, [1, 5]), [[1, 4, 5, 1]]);
  });

  it("averages pairs when halving, and keeps a map of the same size", async () => {
    const row = [[0, 4, 8, 4], [1, 1, 4, 1]] as const;
    // weights 1, 3, 3, 1 around each new pixel; at the border those that exist
    const want = [(3 * 0 + 3 * 4 + 8) / 7, (4 + 3 * 8 + 3 * 4) / 7];
    for (const got of await onAll((x) => interpolate(x, [1, 2]), [row])) {
      compare(got, want, { what: "the value", tolerance: 1e-6 });
    }
    for (const got of await onAll((x) => interpolate(x, [1, 4]), [row])) assert.deepEqual(got, [0, 4, 8, 4]);
  });
});

describe("normaliseImages()", () => {
  const options = { shape: [1, 1, 3, 3], mean: [0.5, 0.25, 0], std: [0.5, 0.25, 2] } as const;

  it("reads bytes in their order", async () => {
    const bytes = [0, 51, 102, 153, 204, 255, 255, 0, 51]; // fifths of 255
    const fifths = [0, 1, 2, 3, 4, 5, 5, 0, 1];
    const want = fifths.map((n, i) => (n / 5 - options.mean[i % 3]) / options.std[i % 3]);
    const words = new Uint32Array(Uint8Array.from([...bytes, 0, 0, 0]).buffer);
    for (const backend of backends) {
      const y = scope(() => normaliseImages(tensor(backend, words, { type: "u32" }), options));
      compare(await y.read(), want, { what: `the value on ${backend.description}`, tolerance: 1e-6 });
      y.dispose();
    }
  });

  it("explains pixels that do not fit", () => {
    refuses(() => normaliseImages(named("pixels", 3), options), /bytes packed into u32, not f32/);
    const pixels = (count: number): Tensor =>
      tensor(named("x", 1).backend, Array(count).fill(0), { type: "u32" });
    refuses(() => normaliseImages(pixels(2), options), /those are 9 bytes, which fill 3 words/);
  });
});
