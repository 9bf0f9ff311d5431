// This module runs in Deno only.
/** The engine's SIMD loops against the kernels' twins, on ragged sizes, with and without fused multiply-add. */

import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { activationBackwardKernel, activationKernel, ACTIVATIONS } from "../kernels/activation.ts";
import { adamKernel } from "../kernels/adam.ts";
import {
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionSumBackwardKernel,
} from "../kernels/attention.ts";
import { batchNormKernel, batchNormStatisticsKernel } from "../kernels/batch_norm.ts";
import { batchNormBackwardKernel, batchNormBackwardSumsKernel } from "../kernels/batch_norm_backward.ts";
import { crossEntropyBackwardKernel, crossEntropyKernel } from "../kernels/cross_entropy.ts";
import { lstmCellBackwardKernel, lstmCellKernel } from "../kernels/lstm_cell.ts";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "../kernels/max_pool2d.ts";
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

    /** Runs a loop and compares the arrays it wrote with the twin's. */
    function compare(
      call: { name: string; count: number; args: (Float32Array | Uint32Array | number)[]; grain?: number },
      results: { [name: string]: [got: Float32Array, want: Float32Array] },
      tolerance = 2e-6,
    ): void {
      const args = call.args.map((value) => typeof value === "number" ? value : value.byteOffset);
      bench.engine.loop(call.name, call.count, args, call.grain);
      for (const [name, [got, want]] of Object.entries(results)) {
        bench.assertNear(got, want, { tolerance, what: `${name} of ${call.name}` });
      }
    }

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
        compare({ name, count: x.length, args: [x, y] }, { y: [y, want] }, 2e-7);
        const dY = bench.random(x.length);
        const [dX, wantD] = [bench.array(x.length), new Float32Array(x.length)];
        const activation = ACTIVATIONS[name];
        activationBackwardKernel.cpu({ y, d_y: dY, d_x: wantD }, { count: x.length, activation });
        compare({ name: `${name}_backward`, count: x.length, args: [y, dY, dX] }, { dX: [dX, wantD] });
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

    it("adds, scales, accumulates, fills and gates", () => {
      for (const n of [1, 3, 4, 7, 1001, 70001]) {
        const [a, b, y] = [bench.random(n), bench.random(n), bench.array(n)];
        const is = (f: (a: number, b: number) => number) => a.map((value, i) => f(value, b[i]));
        const args = [a, b, y];
        compare({ name: "add", count: n, args }, { y: [y, is((p, q) => p + q)] }, 0);
        compare({ name: "subtract", count: n, args }, { y: [y, is((p, q) => p - q)] }, 0);
        compare({ name: "multiply", count: n, args }, { y: [y, is((p, q) => p * q)] }, 0);
        compare({ name: "divide", count: n, args }, { y: [y, is((p, q) => p / q)] }, 0);
        compare({ name: "scale", count: n, args: [a, y, 0.5] }, { y: [y, is((p) => p * 0.5)] }, 0);
        y.set(b);
        compare({ name: "axpy", count: n, args: [a, y, -3] }, { y: [y, is((p, q) => q - 3 * p)] });
        compare({ name: "fill", count: n, args: [y, 2.5] }, { y: [y, is(() => 2.5)] }, 0);
        const [gated, dLogits] = [new Float32Array(n), new Float32Array(n)];
        sigmoidGateKernel.cpu({ logits: a, x: b, gated }, { count: n, offset: 0 });
        compare({ name: "sigmoid_gate", count: n, args }, { y: [y, gated] });
        const dX = bench.random(n);
        const [wantDX, gotDLogits] = [dX.slice(), bench.array(n)];
        sigmoidGateBackwardKernel.cpu({ logits: a, x: b, d_logits: dLogits, d_x: wantDX }, {
          count: n,
          offset: 0,
        });
        compare({ name: "sigmoid_gate_backward", count: n, args: [a, b, gotDLogits, dX] }, {
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
      adamKernel.cpu({ d_parameter, norm: new Float32Array([2 - 1e-6]), ...want }, {
        count: n,
        ...p,
        ...corrections,
        max_norm: 1,
      });
      const numbers = [...Object.values(p), ...Object.values(corrections), 0.5];
      compare({ name: "adam", count: n, args: [parameter, d_parameter, m, variance, ...numbers] }, {
        parameter: [parameter, want.parameter],
        m: [m, want.m],
        v: [variance, want.v],
      }, 1e-6);
    });

    it("adds up chunks", () => {
      const n = 5003;
      const x = bench.random(n);
      for (const [name, f] of [["sum", (v: number) => v], ["sum_squares", (v: number) => v * v]] as const) {
        const [partials, want] = [bench.array(6), new Float32Array(6)];
        for (let i = 0; i < n; i++) want[Math.floor(i / 1000)] += f(x[i]);
        compare({ name, count: n, args: [x, partials], grain: 1000 }, { partials: [partials, want] }, 1e-4);
      }
    });

    it("computes softmax, its logarithm and their gradients", () => {
      for (const [outer, size] of [[1, 1], [3, 5], [7, 64], [2, 2049]]) {
        for (const logarithm of [0, 1]) {
          const [x, y, dY, dX] = [bench.random(outer * size, 8), ...bench.arrays(3, outer * size)];
          bench.fillRandom(dY);
          const [want, wantD] = [new Float32Array(y.length), new Float32Array(y.length)];
          const p = { outer, size, inner: 1, x_offset: 0, y_offset: 0, logarithm };
          softmaxKernel.cpu({ x, y: want }, p);
          compare({ name: "softmax", count: outer, args: [x, y, size, logarithm] }, { y: [y, want] }, 3e-6);
          softmaxBackwardKernel.cpu({ y, d_y: dY, d_x: wantD }, p);
          const args = [y, dY, dX, size, logarithm];
          compare({ name: "softmax_backward", count: outer, args }, { dX: [dX, wantD] }, 1e-5);
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
      const [rowLoss, lse, dLogits] = [bench.array(N), bench.array(N), bench.array(N * V)];
      const want = { row_loss: new Float32Array(N), log_sum_exp: new Float32Array(N) };
      crossEntropyKernel.cpu({ logits, targets, ...want }, { N, V, ignored });
      compare({ name: "cross_entropy", count: N, args: [logits, targets, rowLoss, lse, V, ignored] }, {
        rowLoss: [rowLoss, want.row_loss],
        logSumExp: [lse, want.log_sum_exp],
      });
      const [broken, ids, ...results] = [bench.random(7), bench.integers(1), ...bench.arrays(2, 1)];
      broken[5] = NaN;
      const addresses = [broken, ids, ...results].map((array) => array.byteOffset);
      bench.engine.loop("cross_entropy", 1, [...addresses, 7, 9]);
      assert.deepEqual(results.map(([value]) => value), [NaN, NaN]);
      const wantD = new Float32Array(N * V);
      const [loss, dLoss] = [new Float32Array([0, 0.1]), new Float32Array([3])];
      const inputs = { logits, targets, log_sum_exp: lse, loss, d_loss: dLoss };
      crossEntropyBackwardKernel.cpu({ ...inputs, d_logits: wantD }, { N, V, ignored });
      const args = [logits, targets, lse, dLogits, V, ignored, 0.1 * 3];
      compare({ name: "cross_entropy_backward", count: N, args }, { dLogits: [dLogits, wantD] });
    });

    it("normalises batches forwards and backwards", () => {
      for (const [rows, channels] of [[5, 1], [37, 7], [130, 19], [300, 64]]) {
        for (const relu of [0, 1]) {
          const size = rows * channels;
          const shares = Math.ceil(rows / 128);
          const grain = Math.ceil(rows / shares);
          const [x, dY] = [bench.random(size, 2, 20), bench.random(size)];
          const [weight, bias] = [bench.random(channels), bench.random(channels)];
          const [mean, variance] = [bench.random(channels, 0.1, 20), bench.random(channels, 0.4, 0.6)];
          const [y, dX] = bench.arrays(2, size);
          const [partial, sums] = [bench.array(shares * 2 * channels), bench.random(2 * channels)];
          const [wantY, wantP, wantD] = [y.slice(), partial.slice(), dX.slice()];
          const p = { rows, channels, shares, relu, epsilon: 1e-5 };

          batchNormStatisticsKernel.cpu({ x, partial: wantP }, p);
          compare({ name: "batch_norm_statistics", count: rows, args: [x, partial, channels], grain }, {
            partial: [partial, wantP],
          }, 1e-5);
          batchNormKernel.cpu({ x, mean, variance, weight, bias, y: wantY }, p);
          const apply = [x, mean, variance, weight, bias, y, channels, relu, p.epsilon];
          compare({ name: "batch_norm", count: rows, args: apply }, { y: [y, wantY] });

          batchNormBackwardSumsKernel.cpu({ x, y, d_y: dY, mean, variance, partial: wantP }, p);
          const sumArgs = [x, y, dY, mean, variance, partial, channels, relu, p.epsilon];
          compare({ name: "batch_norm_backward_sums", count: rows, args: sumArgs, grain }, {
            partial: [partial, wantP],
          }, 1e-5);
          for (const training of [0, 1]) {
            const inputs = { x, y, d_y: dY, mean, variance, weight, sums };
            batchNormBackwardKernel.cpu({ ...inputs, d_x: wantD }, { ...p, training });
            const args = [...Object.values(inputs), dX, rows, channels, relu, training, p.epsilon];
            compare({ name: "batch_norm_backward", count: rows, args }, { dX: [dX, wantD] });
          }
          bench.reset();
        }
      }
    });

    it("adds up columns", () => {
      const [rows, columns, ld] = [23, 21, 25];
      const x = bench.random(rows * ld);
      const y = bench.random(2 * columns);
      const want = y.slice();
      for (let r = 0; r < rows; r++) {
        for (let n = 0; n < columns; n++) want[(r < 12 ? 0 : columns) + n] += 2 * x[r * ld + n];
      }
      const args = [x, y, columns, 4 * ld, 1, 2];
      compare({ name: "column_sum", count: rows, args, grain: 12 }, { y: [y, want] }, 1e-5);
    });

    it("steps the LSTM cell forwards and backwards", () => {
      for (const [B, H] of [[1, 1], [3, 5], [16, 256]]) {
        const [gates, cell, h, dC] = [
          bench.random(B * 4 * H, 3),
          bench.random(2 * B * H),
          bench.array(B * H),
          bench.random(B * H),
        ];
        const want = { gates: gates.slice(), cell: cell.slice(), h: h.slice() };
        const p = { B, H, gates_offset: 0, c_in_offset: 0, c_out_offset: B * H, h_offset: 0 };
        lstmCellKernel.cpu(want, p);
        const after = cell.subarray(B * H);
        compare({ name: "lstm_cell", count: B, args: [gates, cell, after, h, H] }, {
          gates: [gates, want.gates],
          cell: [cell, want.cell],
          h: [h, want.h],
        });
        const dH = bench.random(B * H);
        const back = { cell, d_h: dH, gates: gates.slice(), d_c: dC.slice() };
        lstmCellBackwardKernel.cpu(back, p);
        compare({ name: "lstm_cell_backward", count: B, args: [gates, cell, after, dH, dC, H] }, {
          gates: [gates, back.gates],
          dC: [dC, back.d_c],
        });
        bench.reset();
      }
    });

    it("attends forwards and backwards", () => {
      for (const [T, B, P, A, beams] of [[1, 1, 1, 1, 1], [3, 2, 7, 9, 3], [2, 4, 64, 128, 1]]) {
        const N = B * beams;
        const [att1, att2, full, bias] = [
          bench.random(B * P * A),
          bench.random(T * N * A),
          bench.random(A),
          bench.random(1),
        ];
        const [scores, wantScores] = [bench.array(N * P), new Float32Array(N * P)];
        attentionScoresKernel.cpu({ att1, att2, full, full_bias: bias, scores: wantScores }, {
          ...{ N, P, A, beams, att2_offset: 0, scores_offset: 0 },
        });
        compare({ name: "attention_scores", count: N, args: [att1, att2, full, bias, scores, P, A, beams] }, {
          scores: [scores, wantScores],
        }, 1e-5);
        const [alpha, dAlpha] = [bench.random(B * P), bench.random(B * P)];
        const [dAtt2, wantDAtt2] = [bench.array(B * A), new Float32Array(B * A)];
        attentionScoresBackwardKernel.cpu({ alpha, att1, att2, full, d_alpha: dAlpha, d_att2: wantDAtt2 }, {
          ...{ B, P, A, alpha_offset: 0, att2_offset: 0 },
        });
        const args = [alpha, att1, att2, full, dAlpha, dAtt2, P, A];
        compare({ name: "attention_scores_backward", count: B, args }, { dAtt2: [dAtt2, wantDAtt2] }, 1e-5);
        const dScore = bench.random(T * B * P);
        const [dAtt1, part] = bench.arrays(2, B * P * A);
        const want = { d_att1: dAtt1.slice(), full_part: part.slice() };
        attentionSumBackwardKernel.cpu({ att1, att2, full, d_score: dScore, ...want }, { T, B, P, A });
        compare({
          name: "attention_sum_backward",
          count: B * P,
          args: [att1, att2, full, dScore, dAtt1, part, T, B, P, A],
        }, { dAtt1: [dAtt1, want.d_att1], fullPart: [part, want.full_part] });
        bench.reset();
      }
    });

    it("pools maxima forwards and backwards", () => {
      for (
        const [kernel, stride, padding, channels] of [[2, 2, 0, 1], [2, 2, 0, 64], [3, 2, 1, 7], [3, 1, 1, 5]]
      ) {
        const [batch, in_height, in_width] = [3, 9, 8];
        const [out_height, out_width] = [in_height, in_width].map((size) =>
          Math.floor((size + 2 * padding - kernel) / stride) + 1
        );
        const [inputs, outputs] = [batch * in_height * in_width, batch * out_height * out_width];
        const x = bench.random(inputs * channels);
        for (let i = 0; i < x.length; i += 3) x[i] = Math.round(x[i]); // equals
        for (let i = 5; i < x.length; i += 67) x[i] = bench.pick([NaN, -Infinity]);
        const [y, dY, dX] = [...bench.arrays(2, outputs * channels), bench.array(inputs * channels)];
        const place = bench.integers(outputs * channels);
        bench.fillRandom(dY);
        const p = { batch, in_height, in_width, channels, out_height, out_width, kernel, stride, padding };
        const want = { y: y.slice(), place: place.slice() };
        maxPool2dKernel.cpu({ x, ...want }, p);
        const sizes = [in_height, in_width, out_height, out_width, channels, kernel, stride, padding];
        compare({ name: "max_pool2d", count: batch * out_height, args: [x, y, place, ...sizes] }, {
          y: [y, want.y],
        }, 0);
        assert.deepEqual(place, want.place);
        const wantD = dX.slice();
        maxPool2dBackwardKernel.cpu({ place, d_y: dY, d_x: wantD }, p);
        const args = [place, dY, dX, ...sizes];
        compare({ name: "max_pool2d_backward", count: batch, args }, { dX: [dX, wantD] }, 1e-6);
        bench.reset();
      }
    });

    it("explains an unknown loop and a wrong number of arguments", () => {
      assert.throws(() => bench.engine.loop("cosine", 1, []), /Cannot run the loop "cosine": there is none/);
      assert.throws(() => bench.engine.loop("fill", 1, [0]), /it takes y, value, got 1 values/);
    });
  });
}
