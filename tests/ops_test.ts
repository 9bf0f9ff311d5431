/** Elementwise ops, reductions and ops on shapes: gradients, the same values on every backend, odd numbers, errors. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  add,
  concat,
  div,
  exp,
  filled,
  log,
  mean,
  mul,
  neg,
  relu,
  relu6,
  reshape,
  scale,
  sigmoid,
  slice,
  square,
  sub,
  sum,
  tanh,
  transpose,
} from "../lib/ops/mod.ts";
import { runColumnSum } from "../lib/ops/column_sum.ts";
import { scope } from "../lib/scope.ts";
import { tensor } from "../lib/tensor.ts";
import { checkOp, compare, named, onAll, type Op, refuses } from "./check_op.ts";
import { backends, lacksAdapter } from "./devices.ts";

describe("every op here", () => {
  it("runs on WebGPU too", { ignore: lacksAdapter }, () => {
    assert.deepEqual(backends.map(({ name }) => name), ["cpu", "webgpu"]);
  });
});

describe("elementwise ops", () => {
  it("have the right values and gradients", async () => {
    await checkOp(relu, [[3, 7, 5]]);
    await checkOp(relu6, [[257]], { ranges: [[-3, 9]] });
    await checkOp(sigmoid, [[65]], { ranges: [[-9, 9]] });
    await checkOp(tanh, [[65]], { ranges: [[-4, 4]] });
    await checkOp(exp, [[63]], { ranges: [[-3, 3]] });
    await checkOp(log, [[64]], { ranges: [[0.1, 4]] });
    await checkOp(square, [[1]]);
    await checkOp(neg, [[2, 1]]);
    await checkOp((x) => scale(x, -0.3), [[129]]);
  });

  it("broadcast", async () => {
    await checkOp(add, [[3, 7, 5], [3, 7, 5]]);
    await checkOp(add, [[3, 7, 5], [5]]);
    await checkOp(add, [[5], [3, 7, 5]]);
    await checkOp(add, [[2, 3], []]);
    await checkOp(sub, [[3, 1, 5], [7, 1]]);
    await checkOp(mul, [[2, 3, 1, 5], [3, 4, 1]]);
    await checkOp(mul, [[2, 1, 3, 1, 2], [1, 3, 1, 2, 1]]); // five axes that do not merge
    await checkOp(div, [[13, 7], [7]], { ranges: [[-1, 1], [0.5, 2]] });
    await checkOp(div, [[1, 7], [3, 1]], { ranges: [[-1, 1], [-2, -0.5]] });
  });

  it("reach past 65,535 workgroups", async () => {
    const count = 65535 * 64 + 65;
    for (const backend of backends) {
      const [y, z] = scope(() => {
        const x = filled(backend, [count], 2);
        const y = scale(x, 1.5);
        return [y, reshape(slice(add(y, x), { axis: 0, start: count - 3, length: 3 }), [3])];
      });
      const values = await y.read();
      assert.equal(values.findIndex((value) => value !== 3), -1, backend.description);
      assert.deepEqual([...await z.read()], [5, 5, 5], backend.description);
      y.dispose();
      z.dispose();
    }
  });

  it("keep NaN and infinities, and do not overflow at ±100", async () => {
    const odd = [NaN, Infinity, -Infinity, 100, -100, 0];
    const want: [Op, number[]][] = [
      [relu, [NaN, Infinity, 0, 100, 0, 0]],
      [relu6, [NaN, 6, 0, 6, 0, 0]],
      [sigmoid, [NaN, 1, 0, 1, 0, 0.5]],
      [tanh, [NaN, 1, -1, 1, -1, 0]],
      [(x) => scale(x, 2), [NaN, Infinity, -Infinity, 200, -200, 0]],
      [(x) => add(x, x), [NaN, Infinity, -Infinity, 200, -200, 0]],
      [(x) => mul(x, x), [NaN, Infinity, Infinity, 10000, 10000, 0]],
    ];
    for (const [fn, values] of want) {
      for (const got of await onAll(fn, [[odd, [6]]])) {
        compare(got, values, { what: `${fn}`, tolerance: 1e-6 });
      }
    }
  });

  it("explain shapes that do not fit", () => {
    refuses(
      () => add(named("features", 2, 3), named("weights", 4, 3)),
      /Cannot add "features" \[2, 3\] and "weights" \[4, 3\]: counted from the last, .* got 2 and 4/,
    );
    refuses(
      () => mul(named("a", 2, 1, 2, 1, 2, 1), named("b", 1, 2, 1, 2, 1, 2)),
      /Cannot multiply .* walks 6 axes, at most 5/,
    );
  });
});

describe("reductions", () => {
  it("have the right values and gradients", async () => {
    await checkOp((x) => sum(x), [[3, 5, 7]]);
    await checkOp((x) => sum(x, { axes: [0] }), [[3, 5, 7]]);
    await checkOp((x) => sum(x, { axes: [1], keepDims: true }), [[3, 5, 7]]);
    await checkOp((x) => sum(x, { axes: [0, -1] }), [[3, 5, 7]]);
    await checkOp((x) => sum(x, { axes: [1] }), [[3, 1, 2]]);
    await checkOp((x) => sum(x, { axes: [] }), [[3, 2]]);
    await checkOp((x) => mean(x, { axes: [1, 2] }), [[2, 3, 5, 7]]);
    await checkOp((x) => mean(x, { axes: [0, 2] }), [[3, 5, 7]]);
    await checkOp((x) => mean(x), [[]]);
    await checkOp((x) => mean(x, { axes: [0] }), [[1031, 3]]); // long enough for two runs
  });

  it("add up a million numbers without losing digits", async () => {
    for (const backend of backends) {
      const total = scope(() => sum(filled(backend, [1000, 1000], 0.1)));
      const got = await total.item();
      total.dispose();
      const want = 1e6 * Math.fround(0.1); // one by one in f32 it would be 100,958
      assert.ok(Math.abs(got - want) < 1e-6 * want, `${got} instead of ${want} on ${backend.description}`);
    }
  });

  it("sum the columns of part of a matrix onto what is there", async () => {
    for (const rows of [3, 300]) {
      for (const backend of backends) {
        const data = Array.from({ length: rows * 4 }, (_, i) => (i % 4) * 10 + Math.floor(i / 4) % 3);
        const x = tensor(backend, data);
        const y = tensor(backend, [1000, 2000]);
        const part = { M: rows, N: 2, ld: 4, offset: 1, beta: 1, scale: 0.5 } as const;
        runColumnSum(backend, { x: x.storage, y: y.storage }, part);
        assert.deepEqual([...await y.read()], [1000 + 5.5 * rows, 2000 + 10.5 * rows], backend.description);
        x.dispose();
        y.dispose();
      }
    }
  });

  it("let NaN through", async () => {
    for (const got of await onAll((x) => sum(x), [[[1, NaN, 2], [3]]])) assert.deepEqual(got, [NaN]);
  });

  it("explain an axis that is not there", () => {
    refuses(
      () => sum(named("scores", 2, 3), { axes: [2] }),
      /Cannot sum "scores" \[2, 3\] along axis 2: the axes are 0 to 1/,
    );
  });
});

describe("ops on shapes", () => {
  it("have the right values and gradients", async () => {
    await checkOp((x) => reshape(x, [7, 15]), [[3, 5, 7]]);
    await checkOp((x) => transpose(x), [[17, 33]]);
    await checkOp((x) => transpose(x, [0, 3, 1, 2]), [[2, 3, 5, 7]]);
    await checkOp((x) => slice(x, { axis: 1, start: 1, length: 3 }), [[3, 5, 7]]);
    await checkOp((x) => slice(x, { axis: -1, start: 2, length: 1 }), [[3, 5]]);
    await checkOp((a, b, c) => concat([a, b, c], 1), [[3, 1, 2], [3, 4, 2], [3, 2, 2]]);
    await checkOp((a, b) => concat([a, b]), [[3, 2], [3, 5]]);
    await checkOp((x) => concat([x, x], 0), [[1, 3]]);
  });

  it("put numbers where they belong", async () => {
    const x = [[1, 2, 3, 4, 5, 6], [2, 3]] as const;
    for (const got of await onAll((x) => transpose(x), [x])) assert.deepEqual(got, [1, 4, 2, 5, 3, 6]);
    const column: Op = (x) => slice(x, { axis: 1, start: 1, length: 1 });
    for (const got of await onAll(column, [x])) assert.deepEqual(got, [2, 5]);
    for (const got of await onAll((x) => concat([x, column(x)]), [x])) {
      assert.deepEqual(got, [1, 2, 3, 2, 4, 5, 6, 5]);
    }
  });

  it("explain what does not fit", () => {
    const x = () => named("x", 2, 3);
    refuses(() => reshape(x(), [4]), /Cannot view "x" \[2, 3\] as \[4\]: the sizes differ, 6 and 4/);
    refuses(() => transpose(x(), [0, 0]), /Cannot transpose "x" \[2, 3\] to the order \[0, 0\]/);
    refuses(() => slice(x(), { axis: 1, start: 2, length: 2 }), /2 from 2 on do not lie within its 3/);
    refuses(
      () => concat([x(), named("y", 3, 3)]),
      /Cannot concatenate "x" \[2, 3\], "y" \[3, 3\] along axis -1/,
    );
    refuses(() => concat([]), /give at least one/);
  });
});
