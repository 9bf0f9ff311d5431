// This module runs in Deno only.
/** The engine's SIMD loops against the kernels' twins, on ragged sizes, with and without fused multiply-add. */

import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { activationBackwardKernel, activationKernel, ACTIVATIONS } from "../kernels/activation.ts";
import { adamKernel } from "../kernels/adam.ts";
import { sgdKernel } from "../kernels/sgd.ts";
import { crossEntropyBackwardKernel, crossEntropyKernel } from "../kernels/cross_entropy.ts";
import { sigmoidGateBackwardKernel, sigmoidGateKernel } from "../kernels/sigmoid_gate.ts";
import { softmaxBackwardKernel, softmaxKernel } from "../kernels/softmax.ts";
import { Workbench } from "./gemm_workbench.ts";

for (const relaxed of [true, false]) {
  describe(`SIMD loops, ${relaxed ? "fused" : "separate"} multiply-add`, () => {
    let bench: Workbench;
    beforeAll(async () => {
      bench = await Workbench.open({ relaxed });
    });
    afterAll(() => bench.close());

    it("computes exp to 2e-7 of the true value, and its edges", () => {
      const x = bench.array(20011);
      for (let i = 0; i < x.length; i++) x[i] = -87 + 175.5 * i / (x.length - 1);
      const y = bench.array(x.length);
      bench.engine.loop("exp", x.length, [x.byteOffset, y.byteOffset]);
      let worst = 0;
      for (let i = 0; i < x.length; i++) worst = Math.max(worst, Math.abs(y[i] / Math.exp(x[i]) - 1));
      assert.ok(worst <= 2e-7, `relative error ${worst}`);
      const edges = bench.array(7);
      edges.set([Infinity, -Infinity, NaN, -200, 200, 0, -0]);
      bench.engine.loop("exp", 7, [edges.byteOffset, edges.byteOffset]);
      assert.deepEqual([...edges], [Infinity, 0, NaN, 0, Infinity, 1, 1]);
    });

    it("computes sigmoid and tanh, and keeps NaN", () => {
      const x = bench.array(4001);
      for (let i = 0; i < x.length; i++) x[i] = -20 + 40 * i / (x.length - 1);
      const [y, want] = [bench.array(x.length), new Float32Array(x.length)];
      for (const name of ["sigmoid", "tanh", "relu", "relu6"] as const) {
        activationKernel.cpu({ x, y: want }, { count: x.length, activation: ACTIVATIONS[name] });
        bench.compare({ name, count: x.length, args: [x, y] }, { y: [y, want] }, 2e-7);
        const dY = bench.random(x.length);
        const [dX, wantD] = [bench.array(x.length), new Float32Array(x.length)];
        const activation = ACTIVATIONS[name];
        activationBackwardKernel.cpu({ y, d_y: dY, d_x: wantD }, { count: x.length, activation });
        bench.compare({ name: `${name}_backward`, count: x.length, args: [y, dY, dX] }, { dX: [dX, wantD] });
        const small = bench.array(5);
        small.set([1e-6, -1e-4, 0.01, 0.3, -0.62]);
        if (name === "tanh") {
          const relative = small.map(Math.tanh);
          bench.engine.loop(name, 5, [small.byteOffset, small.byteOffset]);
          for (const [i, value] of relative.entries()) assert.ok(Math.abs(small[i] / value - 1) < 3e-7);
        }
        const edges = bench.array(3);
        edges.set([NaN, Infinity, -Infinity]);
        bench.engine.loop(name, 3, [edges.byteOffset, edges.byteOffset]);
        const limits = { sigmoid: [1, 0], tanh: [1, -1], relu: [Infinity, 0], relu6: [6, 0] }[name];
        assert.deepEqual([...edges], [NaN, ...limits]);
      }
    });

    it("adds, scales, accumulates and gates", () => {
      for (const n of [1, 3, 4, 7, 1001, 70001]) {
        const [a, b, y] = [bench.random(n), bench.random(n), bench.array(n)];
        const is = (f: (a: number, b: number) => number) => a.map((value, i) => f(value, b[i]));
        const args = [a, b, y];
        bench.compare({ name: "add", count: n, args }, { y: [y, is((p, q) => p + q)] }, 0);
        bench.compare({ name: "subtract", count: n, args }, { y: [y, is((p, q) => p - q)] }, 0);
        bench.compare({ name: "multiply", count: n, args }, { y: [y, is((p, q) => p * q)] }, 0);
        bench.compare({ name: "divide", count: n, args }, { y: [y, is((p, q) => p / q)] }, 0);
        bench.compare({ name: "scale", count: n, args: [a, y, 0.5] }, { y: [y, is((p) => p * 0.5)] }, 0);
        y.set(b);
        bench.compare({ name: "axpy", count: n, args: [a, y, -3] }, { y: [y, is((p, q) => q - 3 * p)] });
        const [gated, dLogits] = [new Float32Array(n), new Float32Array(n)];
        sigmoidGateKernel.cpu({ logits: a, x: b, gated }, { count: n, offset: 0 });
        bench.compare({ name: "sigmoid_gate", count: n, args }, { y: [y, gated] });
        const dX = bench.random(n);
        const [wantDX, gotDLogits] = [dX.slice(), bench.array(n)];
        sigmoidGateBackwardKernel.cpu({ logits: a, x: b, d_logits: dLogits, d_x: wantDX }, {
          count: n,
          offset: 0,
        });
        bench.compare({ name: "sigmoid_gate_backward", count: n, args: [a, b, gotDLogits, dX] }, {
          dX: [dX, wantDX],
          dLogits: [gotDLogits, dLogits],
        });
        bench.reset();
      }
    });

    it("takes Adam's step", () => {
      const n = 10007;
      const [d_parameter, parameter, m] = [bench.random(n), bench.random(n), bench.random(n)];
      const v = bench.random(n).map(Math.abs);
      const variance = bench.array(n);
      variance.set(v);
      const want = { parameter: parameter.slice(), m: m.slice(), v };
      const p = { learning_rate: 4e-4, beta1: 0.9, beta2: 0.999, decay1: 0.1, decay2: 0.001, epsilon: 1e-8 };
      const corrections = { correction1: 1 / (1 - 0.9 ** 3), correction2: 1 / (1 - 0.999 ** 3) };
      const rest = { max_value: 0.3, l2: 0.02, keep: 0.99 };
      adamKernel.cpu({ d_parameter, factor: new Float32Array([0.5]), ...want }, {
        count: n,
        ...p,
        ...corrections,
        ...rest,
      });
      const numbers = [...Object.values(p), ...Object.values(corrections), 0.5, ...Object.values(rest)];
      bench.compare({ name: "adam", count: n, args: [parameter, d_parameter, m, variance, ...numbers] }, {
        parameter: [parameter, want.parameter],
        m: [m, want.m],
        v: [variance, want.v],
      }, 1e-6);
    });

    it("takes a step of gradient descent with momentum", () => {
      const n = 1003;
      const [d_parameter, parameter, velocity] = [bench.random(n), bench.random(n), bench.random(n)];
      const want = { parameter: parameter.slice(), velocity: velocity.slice() };
      const p = { learning_rate: 0.1, momentum: 0.9, max_value: 0.3, l2: 0.02 };
      sgdKernel.cpu({ d_parameter, factor: new Float32Array([0.5]), ...want }, { count: n, ...p });
      const numbers = [p.learning_rate, p.momentum, 0.5, p.max_value, p.l2];
      bench.compare({ name: "sgd", count: n, args: [parameter, d_parameter, velocity, ...numbers] }, {
        parameter: [parameter, want.parameter],
        velocity: [velocity, want.velocity],
      }, 1e-6);
    });

    it("adds up chunks", () => {
      const n = 5003;
      const x = bench.random(n);
      const [partials, want] = [bench.array(6), new Float32Array(6)];
      for (let i = 0; i < n; i++) want[Math.floor(i / 1000)] += x[i] ** 2;
      bench.compare(
        { name: "sum_squares", count: n, args: [x, partials], grain: 1000 },
        { partials: [partials, want] },
        1e-4,
      );
    });

    it("computes softmax, its logarithm and their gradients", () => {
      for (const [outer, size] of [[1, 1], [3, 5], [7, 64], [2, 2049]]) {
        for (const logarithm of [0, 1]) {
          const [x, y, dY, dX] = [bench.random(outer * size, 8), ...bench.arrays(3, outer * size)];
          bench.fillRandom(dY);
          const [want, wantD] = [new Float32Array(y.length), new Float32Array(y.length)];
          const p = { outer, size, inner: 1, x_offset: 0, y_offset: 0, logarithm };
          softmaxKernel.cpu({ x, y: want }, p);
          bench.compare(
            { name: "softmax", count: outer, args: [x, y, size, logarithm] },
            { y: [y, want] },
            3e-6,
          );
          softmaxBackwardKernel.cpu({ y, d_y: dY, d_x: wantD }, p);
          const args = [y, dY, dX, size, logarithm];
          bench.compare({ name: "softmax_backward", count: outer, args }, { dX: [dX, wantD] }, 1e-5);
        }
      }
      const row = bench.array(5);
      row.set([-300, -300, -300, -300, -300]);
      bench.engine.loop("softmax", 1, [row.byteOffset, row.byteOffset, 5, 0]);
      bench.assertNear(row, row.map(() => 0.2), {
        tolerance: 1e-7,
        what: "softmax of large negative numbers",
      });
      row.set([1, NaN, 2, 3, 4]);
      bench.engine.loop("softmax", 1, [row.byteOffset, row.byteOffset, 5, 0]);
      assert.deepEqual([...row], [NaN, NaN, NaN, NaN, NaN]);
    });

    it("computes cross entropy and its gradient", () => {
      const [N, V, ignored] = [13, 1003, 0];
      const logits = bench.random(N * V, 5);
      const targets = bench.integers(N);
      for (let n = 0; n < N; n++) targets[n] = n % 4 === 3 ? ignored : (n * 77) % V;
      for (const smoothing of [0, 0.1]) {
        const [rowLoss, lse, dLogits] = [bench.array(2 * N), bench.array(2 * N), bench.array(N * V)];
        const want = { row_loss: new Float32Array(2 * N), log_sum_exp: new Float32Array(2 * N) };
        crossEntropyKernel.cpu({ logits, targets, ...want }, { N, V, ignored, smoothing });
        const entropies = rowLoss.subarray(N);
        const losses = [logits, targets, rowLoss, entropies, lse, V, ignored, Number(smoothing > 0)];
        const numbers = [smoothing, smoothing / V];
        bench.compare({ name: "cross_entropy", count: N, args: [...losses, ...numbers] }, {
          rowLoss: [rowLoss, want.row_loss],
          logSumExp: [lse, want.log_sum_exp],
        });
        const wantD = new Float32Array(N * V);
        const [loss, dLoss] = [new Float32Array([0, 0.1, 0]), new Float32Array([3])];
        const inputs = { logits, targets, log_sum_exp: lse, loss, d_loss: dLoss };
        crossEntropyBackwardKernel.cpu({ ...inputs, d_logits: wantD }, { N, V, ignored, smoothing });
        const factors = [0.1 * 3, 0.1 * 3 * (1 - smoothing), 0.1 * 3 * smoothing / V];
        const args = [logits, targets, lse, dLogits, V, ignored, ...factors];
        bench.compare({ name: "cross_entropy_backward", count: N, args }, { dLogits: [dLogits, wantD] });
      }
      const [broken, ids, ...results] = [bench.random(7), bench.integers(1), ...bench.arrays(3, 2)];
      broken[5] = NaN;
      const addresses = [broken, ids, ...results].map((array) => array.byteOffset);
      bench.engine.loop("cross_entropy", 1, [...addresses, 7, 9, 0, 0, 0]);
      assert.deepEqual([results[0][0], results[1][0], results[2][1]], [NaN, NaN, NaN]);
    });

    it("explains an unknown loop and a wrong number of arguments", () => {
      assert.throws(() => bench.engine.loop("cosine", 1, []), /Cannot run the loop "cosine": there is none/);
      assert.throws(() => bench.engine.loop("scale", 1, [0]), /it takes x, y, alpha, got 1 values/);
    });
  });
}
