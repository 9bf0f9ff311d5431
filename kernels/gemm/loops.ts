// This module is browser compatible.
/**
 * The engine's SIMD loops: what kernels' `fast` forms call by name through `CpuEngine.loop`.
 *
 * `engine.loop(name, count, args, grain)`: args are the loop's slots in order, addresses in bytes
 * (`array.byteOffset + 4 * offset`), truth values 0 or 1, `relu` as in `RELUS`.
 *
 * | Loop | Item | Arguments | What |
 * |---|---|---|---|
 * | relu relu6 exp sigmoid tanh | element | x y | y = f(x) |
 * | add subtract multiply divide | element | a b y | y = a ∘ b |
 * | relu_backward relu6_backward sigmoid_backward tanh_backward | element | y dY dX | dX = dY f'(x), from y |
 * | scale | element | x y alpha | y = alpha x |
 * | axpy | element | x y alpha | y += alpha x |
 * | fill | element | y value | y = value |
 * | sigmoid_gate | element | logits x gated | gated = sigmoid(logits) x |
 * | sigmoid_gate_backward | element | logits x dLogits dX | dX holds dGated before |
 * | adam | element | parameter gradient m v rate beta1 beta2 decay1 decay2 epsilon correction1 correction2 gradientScale most l2 keep | one step |
 * | sgd | element | parameter gradient velocity rate momentum gradientScale most l2 | one step |
 * | sum sum_squares | element | x partials | partials[chunk], chunks of `grain` |
 * | softmax | row | x y size logarithm | of each row, or its logarithm |
 * | softmax_backward | row | y dY dX size logarithm | from y |
 * | cross_entropy | row | logits targets rowLoss entropy logSumExp size ignored smooth smoothing spread | losses; largest x, log Σ e^(x - largest) |
 * | cross_entropy_backward | row | logits targets logSumExp dLogits size ignored factor peak spread | softmax factor - spread - peak at the target |
 * | batch_norm | row | x mean variance weight bias y channels relu epsilon | y |
 * | batch_norm_statistics | row | x partial channels | partial [chunk, 2, C]: mean, Σ (x - mean)² |
 * | batch_norm_backward_sums | row | x y dY mean variance partial channels relu epsilon | partial [chunk, 2, C]: Σ g, Σ g x̂ |
 * | batch_norm_backward | row | x y dY mean variance weight sums dX rows channels relu training epsilon | dX |
 * | column_sum | row | x y columns rowBytes add scale | y[chunk] (+)= scale Σ rows, chunks of `grain` |
 * | max_pool2d | row of y | x y place inHeight inWidth outHeight outWidth channels kernel stride padding | y and place |
 * | max_pool2d_backward | image | place dY dX, then the same sizes | dX |
 * | lstm_cell | row | gates cBefore c h hidden | gates [B, 4H] i f g o, in place |
 * | lstm_cell_backward | row | gates cBefore c dH dC hidden | gates and dC in place |
 * | beam_candidates | beam | logits scores banned candidateScores candidateWords size k | the k best words of each beam |
 * | attention_scores | row | att1 att2 full bias scores positions width beams | scores [N, P]; bias is an address |
 * | attention_scores_backward | row | alpha att1 att2 full dAlpha dAtt2 positions width | dAtt2 [B, A] |
 * | attention_sum_backward | position | att1 att2 full dScore dAtt1 fullPart steps batch positions width | over all steps |
 *
 * The last three apply ReLU; those with `_tanh` behind their names apply tanh.
 */

import { ceilDiv } from "../kernel.ts";
import type { ModuleBuilder } from "./assembler.ts";
import { LoopSet, type LoopShape } from "./loop_builder.ts";
import { defineBeamLoop } from "./loops_beam.ts";
import { defineElementwiseLoops } from "./loops_elementwise.ts";
import { defineNormLoops } from "./loops_norm.ts";
import { definePoolLoops } from "./loops_pool.ts";
import { defineRecurrentLoops } from "./loops_recurrent.ts";
import { defineRowLoops } from "./loops_rows.ts";
import type { Machine } from "./machine.ts";

/** Nanoseconds of work that a task should have, so that taking it is cheap beside it. */
const TASK_NS = 15_000;
/** Tasks for each thread, at most. */
const TASKS_PER_THREAD = 4;

/** Defines all loops and returns what {@linkcode runLoop} must know of them. */
export function defineLoops(module: ModuleBuilder): ReadonlyMap<string, LoopShape> {
  const loops = new LoopSet(module);
  defineElementwiseLoops(loops);
  defineRowLoops(loops);
  defineNormLoops(loops);
  definePoolLoops(loops);
  defineRecurrentLoops(loops);
  defineBeamLoop(loops);
  return loops.shapes;
}

/**
 * Runs a loop over `count` items.
 *
 * @param grain For a loop with a result for each chunk, the items of a chunk. For the others, chunks are multiples.
 * @throws {RangeError} If there is no such loop or its arguments are more or fewer.
 */
export function runLoop(
  machine: Machine,
  shapes: ReadonlyMap<string, LoopShape>,
  call: { name: string; count: number; args: readonly number[]; grain: number },
): void {
  const { name, count, args, grain } = call;
  const shape = shapes.get(name);
  if (!shape) throw new RangeError(`Cannot run the loop "${name}": there is none, see kernels/gemm/loops.ts`);
  const slots = Object.keys(shape.slots);
  if (args.length !== slots.length) {
    throw new RangeError(
      `Cannot run the loop "${name}": it takes ${slots.join(", ")}, got ${args.length} values`,
    );
  }
  if (count <= 0) return;
  const itemNs = (shape.elements ?? []).reduce((cost, slot) => cost * args[slots.indexOf(slot)], shape.cost);
  const least = Math.max(TASK_NS / itemNs, count / (TASKS_PER_THREAD * machine.threads));
  const chunk = shape.reduces ? grain : ceilDiv(least, grain) * grain;
  const alone = machine.threads === 1 || count * itemNs < 2 * TASK_NS;
  machine.run(`loop ${name}`, {
    values: [count, chunk, ...args],
    floats: [false, false, ...Object.values(shape.slots).map((type) => type === "f32")],
    tasks: ceilDiv(count, chunk),
    alone,
  });
}
