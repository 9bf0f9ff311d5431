// This module runs in Deno only.
/** The engine's SIMD loops of whole layers against the kernels' twins, on ragged sizes. */

import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import {
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionSumBackwardKernel,
} from "../kernels/attention.ts";
import { beamCandidatesKernel, LOWEST_SCORE } from "../kernels/beam.ts";
import { batchNormKernel, batchNormStatisticsKernel } from "../kernels/batch_norm.ts";
import { batchNormBackwardKernel, batchNormBackwardSumsKernel } from "../kernels/batch_norm_backward.ts";
import { lstmCellBackwardKernel, lstmCellKernel } from "../kernels/lstm_cell.ts";
import { maxPool2dBackwardKernel, maxPool2dKernel } from "../kernels/max_pool2d.ts";
import { Workbench } from "./gemm_workbench.ts";

for (const relaxed of [true, false]) {
  describe(`SIMD loops of layers, ${relaxed ? "fused" : "separate"} multiply-add`, () => {
    let bench: Workbench;
    beforeAll(async () => {
      bench = await Workbench.open({ relaxed });
    });
    afterAll(() => bench.close());

    it("finds the best words of every beam, in the twin's order", () => {
      const sizes = [[1, 1, 1], [3, 2, 5], [4, 7, 3], [5, 64, 1], [7, 67, 5], [6, 300, 20], [40, 2048, 5]];
      for (const [N, V, k] of sizes) {
        for (const kind of ["different", "many ties", "some not numbers"]) {
          bench.reset();
          const logits = bench.random(N * V, 4);
          if (kind === "many ties") logits.forEach((value, i) => logits[i] = Math.round(value));
          if (kind === "some not numbers") {
            logits.forEach((_, i) => i % 13 === 5 && (logits[i] = [NaN, -Infinity, Infinity][i % 3]));
          }
          const scores = bench.random(N, 3, -5);
          if (N > 2) scores[1] = LOWEST_SCORE; // a beam that is not there
          const banned = bench.integers(V);
          banned.forEach((_, v) => banned[v] = Number(bench.next() < 0.2));
          const got = {
            candidate_scores: bench.array(N * k).fill(NaN),
            candidate_words: bench.integers(N * k),
          };
          got.candidate_words.fill(99);
          const want = { candidate_scores: new Float64Array(N * k), candidate_words: new Uint32Array(N * k) };
          const inputs = { logits, scores, banned };
          beamCandidatesKernel.cpu({ ...inputs, ...want }, { N, V, k });
          beamCandidatesKernel.fast!({ ...inputs, ...got }, { N, V, k }, bench.engine);
          const what = `${kind} candidates of ${N} beams, ${V} words, k ${k}`;
          assert.deepEqual([...got.candidate_words], [...want.candidate_words], what);
          bench.assertNear(got.candidate_scores, want.candidate_scores, { tolerance: 5e-7, what });
        }
      }
    });

    it("normalises batches forwards and backwards", () => {
      for (const [rows, channels] of [[5, 1], [37, 7], [130, 19], [300, 64]]) {
        for (const relu of [0, 1, 2]) {
          const size = rows * channels;
          const shares = Math.ceil(rows / 128);
          const grain = Math.ceil(rows / shares);
          const [x, dY] = [bench.random(size, 2, 20), bench.random(size)];
          const [weight, bias] = [bench.random(channels, 4), bench.random(channels)]; // past 6, too
          const [mean, variance] = [bench.random(channels, 0.1, 20), bench.random(channels, 0.4, 0.6)];
          const [y, dX] = bench.arrays(2, size);
          const [partial, sums] = [bench.array(shares * 2 * channels), bench.random(2 * channels)];
          const [wantY, wantP, wantD] = [y.slice(), partial.slice(), dX.slice()];
          const p = { rows, channels, shares, relu, epsilon: 1e-5 };

          batchNormStatisticsKernel.cpu({ x, partial: wantP }, p);
          bench.compare({ name: "batch_norm_statistics", count: rows, args: [x, partial, channels], grain }, {
            partial: [partial, wantP],
          }, 1e-5);
          batchNormKernel.cpu({ x, mean, variance, weight, bias, y: wantY }, p);
          const apply = [x, mean, variance, weight, bias, y, channels, relu, p.epsilon];
          bench.compare({ name: "batch_norm", count: rows, args: apply }, { y: [y, wantY] });

          batchNormBackwardSumsKernel.cpu({ x, y, d_y: dY, mean, variance, partial: wantP }, p);
          const sumArgs = [x, y, dY, mean, variance, partial, channels, relu, p.epsilon];
          bench.compare({ name: "batch_norm_backward_sums", count: rows, args: sumArgs, grain }, {
            partial: [partial, wantP],
          }, 1e-5);
          for (const training of [0, 1]) {
            const inputs = { x, y, d_y: dY, mean, variance, weight, sums };
            batchNormBackwardKernel.cpu({ ...inputs, d_x: wantD }, { ...p, training });
            const args = [...Object.values(inputs), dX, rows, channels, relu, training, p.epsilon];
            bench.compare({ name: "batch_norm_backward", count: rows, args }, { dX: [dX, wantD] });
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
      bench.compare({ name: "column_sum", count: rows, args, grain: 12 }, { y: [y, want] }, 1e-5);
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
        bench.compare({ name: "lstm_cell", count: B, args: [gates, cell, after, h, H] }, {
          gates: [gates, want.gates],
          cell: [cell, want.cell],
          h: [h, want.h],
        });
        const dH = bench.random(B * H);
        const back = { cell, d_h: dH, gates: gates.slice(), d_c: dC.slice() };
        lstmCellBackwardKernel.cpu(back, p);
        bench.compare({ name: "lstm_cell_backward", count: B, args: [gates, cell, after, dH, dC, H] }, {
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
        for (const [squash, suffix] of ["", "_tanh"].entries()) {
          const [scores, wantScores] = [bench.array(N * P), new Float32Array(N * P)];
          attentionScoresKernel.cpu({ att1, att2, full, full_bias: bias, scores: wantScores }, {
            ...{ N, P, A, beams, att2_offset: 0, scores_offset: 0, squash },
          });
          bench.compare({
            name: `attention_scores${suffix}`,
            count: N,
            args: [att1, att2, full, bias, scores, P, A, beams],
          }, {
            scores: [scores, wantScores],
          }, 1e-5);
          const [alpha, dAlpha] = [bench.random(B * P), bench.random(B * P)];
          const [dAtt2, wantDAtt2] = [bench.array(B * A), new Float32Array(B * A)];
          attentionScoresBackwardKernel.cpu({ alpha, att1, att2, full, d_alpha: dAlpha, d_att2: wantDAtt2 }, {
            ...{ B, P, A, alpha_offset: 0, att2_offset: 0, squash },
          });
          const args = [alpha, att1, att2, full, dAlpha, dAtt2, P, A];
          bench.compare(
            { name: `attention_scores_backward${suffix}`, count: B, args },
            { dAtt2: [dAtt2, wantDAtt2] },
            1e-5,
          );
          const dScore = bench.random(T * B * P);
          const [dAtt1, part] = bench.arrays(2, B * P * A);
          const want = { d_att1: dAtt1.slice(), full_part: part.slice() };
          attentionSumBackwardKernel.cpu({ att1, att2, full, d_score: dScore, ...want }, {
            T,
            B,
            P,
            A,
            squash,
          });
          bench.compare({
            name: `attention_sum_backward${suffix}`,
            count: B * P,
            args: [att1, att2, full, dScore, dAtt1, part, T, B, P, A],
          }, { dAtt1: [dAtt1, want.d_att1], fullPart: [part, want.full_part] });
        }
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
        bench.compare({ name: "max_pool2d", count: batch * out_height, args: [x, y, place, ...sizes] }, {
          y: [y, want.y],
        }, 0);
        assert.deepEqual(place, want.place);
        const wantD = dX.slice();
        maxPool2dBackwardKernel.cpu({ place, d_y: dY, d_x: wantD }, p);
        const args = [place, dY, dX, ...sizes];
        bench.compare({ name: "max_pool2d_backward", count: batch, args }, { dX: [dX, wantD] }, 1e-6);
        bench.reset();
      }
    });
  });
}
