// This module is browser compatible.
/** Cases of the kernels of decoders, losses and search. */

import {
  attentionAlphaBackwardKernel,
  attentionContextKernel,
  attentionScoresBackwardKernel,
  attentionScoresKernel,
  attentionSumBackwardKernel,
} from "../../kernels/attention.ts";
import { attentionStepKernel } from "../../kernels/attention_step.ts";
import {
  attentionCoverageBackwardKernel,
  attentionCoverageKernel,
} from "../../kernels/attention_coverage.ts";
import {
  crossEntropyBackwardKernel,
  crossEntropyKernel,
  crossEntropyMeanKernel,
} from "../../kernels/cross_entropy.ts";
import { embeddingBackwardKernel, embeddingKernel } from "../../kernels/embedding.ts";
import type { Kernel, Program } from "../../kernels/kernel.ts";
import { lstmCellBackwardKernel, lstmCellKernel } from "../../kernels/lstm_cell.ts";
import { softmaxBackwardKernel, softmaxKernel } from "../../kernels/softmax.ts";
import {
  weightedCrossEntropyBackwardKernel,
  weightedCrossEntropyKernel,
} from "../../kernels/weighted_cross_entropy.ts";
import { folded, type KernelCase, kernelCase, type Numbers, unwritten } from "./case.ts";

/** The programs that can run: all but those for rows of whole vec4s where they are not. */
function programs<B extends string, P extends string>(kernel: Kernel<B, P>, inFours: boolean): Program<P>[] {
  const possible = kernel.variants!.filter(({ name }) => inFours || !name.endsWith("_vec4"));
  return [kernel, ...possible.map((program) => folded(program))];
}

function* attention(): Generator<KernelCase> {
  const sizes = [[1, 1, 1, 1, 1, 0], [3, 2, 7, 9, 3, 1], [2, 3, 67, 129, 1, 0], [2, 3, 19, 12, 2, 0], [
    1,
    2,
    5,
    8,
    1,
    1,
  ]];
  for (const [T, B, P, A, beams, squash] of sizes) {
    const N = B * beams;
    const what = `T ${T}, B ${B}, P ${P}, A ${A}, beams ${beams}, ${squash ? "tanh" : "ReLU"}`;
    const fours = A % 4 === 0;
    const [D, offset] = fours ? [A + 4, 8] : [A + 2, 5];
    const shared = (n: Numbers) => ({ att1: n.uniform(B * P * A), full: n.uniform(A) });
    for (const program of programs(attentionScoresKernel, fours)) {
      yield kernelCase(attentionScoresKernel, what, (n) => ({
        arrays: {
          ...shared(n),
          att2: n.uniform(offset + N * A),
          full_bias: n.uniform(1),
          scores: n.uniform(3 + N * P),
        },
        params: { N, P, A, beams, att2_offset: offset, scores_offset: 3, squash },
      }), { program });
    }
    for (const program of programs(attentionContextKernel, fours)) {
      yield kernelCase(attentionContextKernel, what, (n) => ({
        arrays: {
          alpha: n.uniform(3 + N * P),
          features: n.uniform(B * P * D),
          context: n.uniform(offset + N * D),
        },
        params: { N, P, D, beams, alpha_offset: 3, context_offset: offset },
      }), { program });
    }
    for (const program of programs(attentionAlphaBackwardKernel, fours)) {
      yield kernelCase(attentionAlphaBackwardKernel, what, (n) => ({
        arrays: {
          features: n.uniform(B * P * D),
          d_context: n.uniform(offset + B * D),
          d_alpha: n.uniform(3 + B * P),
        },
        params: { B, P, D, context_offset: offset, alpha_offset: 3 },
      }), { program });
    }
    for (const program of programs(attentionScoresBackwardKernel, fours)) {
      yield kernelCase(attentionScoresBackwardKernel, what, (n) => ({
        arrays: {
          ...shared(n),
          alpha: n.uniform(3 + B * P, 0, 1),
          att2: n.uniform(offset + B * A),
          d_alpha: n.uniform(3 + B * P),
          d_att2: n.uniform(offset + B * A),
        },
        params: { B, P, A, alpha_offset: 3, att2_offset: offset, squash },
      }), { program });
    }
    for (const program of programs(attentionSumBackwardKernel, fours)) {
      yield kernelCase(attentionSumBackwardKernel, what, (n) => ({
        arrays: {
          ...shared(n),
          att2: n.uniform(T * B * A),
          d_score: n.uniform(T * B * P),
          d_att1: unwritten(B * P * A),
          full_part: unwritten(B * P * A),
        },
        params: { T, B, P, A, squash },
      }), { program });
    }
    yield kernelCase(attentionCoverageKernel, what, (n) => ({
      arrays: { alpha: n.uniform(T * B * P), targets: n.ids(T * B, 3), residual: unwritten(B * P) },
      params: { T, B, P, ignored: 0 },
    }));
    yield kernelCase(attentionCoverageBackwardKernel, what, (n) => ({
      arrays: { targets: n.ids(T * B, 3), d_residual: n.uniform(B * P), d_alpha: unwritten(T * B * P) },
      params: { T, B, P, ignored: 0 },
    }));
  }
}

/** Images, positions, channels, beams, gate: around 256 invocations, 64 channels and the shares of a row. */
const STEPS = [
  [1, 1, 1, 1, 0],
  [2, 31, 5, 3, 1],
  [1, 300, 601, 2, 1],
  [1100, 3, 70, 1, 0],
  [7, 5, 9, 1, 1],
];

function* attentionSteps(): Generator<KernelCase> {
  for (const [B, P, D, beams, gate] of STEPS) {
    const N = B * beams;
    const what = `${N} rows of ${B} images, P ${P}, D ${D}${gate ? ", gated" : ""}`;
    // Seven rows in three times three workgroups, folded as rows are past 65,535; two workgroups have none.
    const program = N === 7 ? { ...attentionStepKernel, workgroups: () => [2, 3, 3] as const } : undefined;
    yield kernelCase(attentionStepKernel, what, (n) => ({
      arrays: {
        scores: n.uniform(N * P, -4, 4),
        features: n.uniform(B * P * D),
        gate_logits: gate ? n.uniform(7 + N * D, -4, 4) : n.uniform(1),
        alpha: n.uniform(3 + N * P),
        context: n.uniform(7 + N * D),
        gated: gate ? n.uniform(7 + N * D) : n.uniform(1),
      },
      params: { N, P, D, beams, gate, alpha_offset: 3, context_offset: 7 },
    }), { program });
  }
}

function* recurrent(): Generator<KernelCase> {
  for (const [B, H] of [[1, 1], [3, 5], [2, 67]]) {
    const params = { B, H, gates_offset: 3, c_in_offset: 2, c_out_offset: 2 + B * H, h_offset: 5 };
    yield kernelCase(lstmCellKernel, `B ${B}, H ${H}`, (n) => ({
      arrays: {
        gates: n.uniform(3 + 4 * B * H, -4, 4),
        cell: n.uniform(2 + 2 * B * H, -2, 2),
        h: n.uniform(5 + B * H),
      },
      params,
    }));
    yield kernelCase(lstmCellBackwardKernel, `B ${B}, H ${H}`, (n) => ({
      arrays: {
        cell: n.uniform(2 + 2 * B * H, -2, 2),
        d_h: n.uniform(5 + B * H),
        gates: n.uniform(3 + 4 * B * H, 0, 1),
        d_c: n.uniform(B * H),
      },
      params,
    }));
  }
  for (const [N, E] of [[1, 1], [6, 5], [13, 67], [601, 66]]) {
    yield kernelCase(embeddingKernel, `${N} words of ${E}`, (n) => ({
      arrays: { weight: n.uniform(7 * E), ids: n.ids(N, 7), y: unwritten(N * E) },
      params: { N, E },
    }));
    for (const program of [embeddingBackwardKernel, ...embeddingBackwardKernel.variants!.map(folded)]) {
      yield kernelCase(embeddingBackwardKernel, `${N} words of ${E}, some twice`, (n) => ({
        arrays: { ids: n.ids(N, 7), d_y: n.uniform(N * E), d_weight: new Float64Array(7 * E) },
        params: { N, E },
      }), { program });
    }
  }
}

function* softmaxes(): Generator<KernelCase> {
  for (const [outer, size, inner] of [[1, 1, 1], [5, 13, 1], [2, 7, 3], [67, 65, 1], [3, 1025, 1]]) {
    for (const logarithm of [0, 1]) {
      const length = outer * size * inner;
      const what = `${outer} × ${size} × ${inner}${logarithm ? ", logarithm" : ""}`;
      const params = { outer, size, inner, y_offset: 2, logarithm };
      const byRow = inner === 1 ? Number(size > 256) : -1;
      for (const program of [softmaxKernel, ...softmaxKernel.variants!.filter((_, i) => i === byRow)]) {
        yield kernelCase(softmaxKernel, what, (n) => ({
          arrays: { x: n.uniform(3 + length, -8, 8), y: n.uniform(2 + length) },
          params: { ...params, x_offset: 3 },
        }), { program: program === softmaxKernel ? program : folded(program) });
      }
      const backwards = softmaxBackwardKernel.variants!.filter((_, i) => i === byRow);
      for (const program of [softmaxBackwardKernel, ...backwards.map(folded)]) {
        yield kernelCase(softmaxBackwardKernel, what, (n) => ({
          arrays: { y: n.uniform(2 + length, -3, 0), d_y: n.uniform(length), d_x: unwritten(length) },
          params,
        }), { program });
      }
    }
  }
}

function* losses(): Generator<KernelCase> {
  for (const [N, V, smoothing] of [[1, 1, 0], [4, 5, 0.1], [67, 131, 0.3], [300, 3, 0], [3, 1025, 0.1]]) {
    const what = `${N} rows of ${V}, smoothed by ${smoothing}`;
    const ignored = V > 1 ? 0 : 9; // of one word none is ignored, of more some are
    const rows = (n: Numbers) => {
      const targets = n.ids(N, V);
      if (V > 1) [targets[0], targets[1]] = [0, V - 1];
      return { targets, row_loss: n.uniform(2 * N, 0, 5), weights: n.uniform(N, -1, 2) };
    };
    const factors = (n: Numbers) => ({ loss: n.uniform(3), d_loss: n.uniform(1, 1, 2) });
    const byRow = crossEntropyKernel.variants!.map(folded);
    for (const program of [crossEntropyKernel, ...byRow]) {
      yield kernelCase(crossEntropyKernel, what, (n) => ({
        arrays: {
          logits: n.uniform(N * V, -5, 5),
          targets: rows(n).targets,
          row_loss: unwritten(2 * N),
          log_sum_exp: unwritten(2 * N),
        },
        params: { N, V, ignored, smoothing },
      }), { program });
    }
    for (const program of [crossEntropyMeanKernel, ...crossEntropyMeanKernel.variants!]) {
      yield kernelCase(crossEntropyMeanKernel, what, (n) => {
        const { targets, row_loss } = rows(n);
        return { arrays: { targets, row_loss, loss: unwritten(3) }, params: { N, ignored } };
      }, { program });
    }
    for (const program of [weightedCrossEntropyKernel, ...weightedCrossEntropyKernel.variants!]) {
      yield kernelCase(weightedCrossEntropyKernel, what, (n) => ({
        arrays: { ...rows(n), loss: unwritten(2) },
        params: { N, ignored },
      }), { program });
    }
    const backward = (n: Numbers) => ({
      logits: n.uniform(N * V, -3, 3),
      log_sum_exp: n.uniform(2 * N, 0, 1),
      ...factors(n),
      d_logits: unwritten(N * V),
    });
    yield kernelCase(crossEntropyBackwardKernel, what, (n) => ({
      arrays: { ...backward(n), targets: rows(n).targets },
      params: { N, V, ignored, smoothing },
    }));
    yield kernelCase(weightedCrossEntropyBackwardKernel, what, (n) => {
      const { targets, weights } = rows(n);
      return { arrays: { ...backward(n), targets, weights }, params: { N, V, ignored } };
    });
  }
}

/** Every case of this file. */
export function* decoderCases(): Generator<KernelCase> {
  yield* attention();
  yield* attentionSteps();
  yield* recurrent();
  yield* softmaxes();
  yield* losses();
}
