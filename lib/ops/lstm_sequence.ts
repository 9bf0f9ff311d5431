// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { checkLstm, type LstmState, LstmSteps, type LstmWeights } from "./lstm_steps.ts";
import { product } from "./product.ts";
import { reshape } from "./reshape.ts";

/**
 * An LSTM over a sequence.
 *
 * The inputs' product is one for all steps; the weights' gradients are one each, after the walk back.
 *
 * @param x Inputs [T, B, I].
 * @param state State before the first step, [B, H] each.
 * @returns `hidden` [T, B, H], and the `cell` after the last step [B, H].
 * @throws {RangeError} If the sizes do not fit.
 */
export function lstmSequence(
  x: Tensor,
  state: LstmState,
  weights: LstmWeights,
): { hidden: Tensor; cell: Tensor } {
  const [T, B, I] = x.shape;
  const H = checkLstm(weights, state, { size: I, B });
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const steps = new LstmSteps(weights, state, { T, B, H });
  const { gates, hidden } = steps;
  product({ a: x, b: weightIh, c: gates, M: T * B, N: 4 * H, K: I, transposeB: true, bias: biasIh });
  for (let t = 0; t < T; t++) steps.step(t);
  const cell = steps.lastCell();
  const inputs = [x, state.h, state.c, weightIh, weightHh, biasIh, biasHh];
  record([hidden, cell], inputs, ([dHidden, dLastCell], needed) => {
    const gradients = steps.startBackward(dHidden, dLastCell);
    for (let t = T - 1; t >= 0; t--) {
      steps.stepBackward(t, gradients);
      steps.recurrentBackward(t, gradients);
    }
    const dWeightIh = new Tensor(x.backend, weightIh.shape, { label: "d_weight_ih" });
    steps.inputWeightGradient(x, { dWeight: dWeightIh, columns: I, offset: 0 });
    const { dWeightHh, dBias } = steps.recurrentWeightGradients();
    let dX: Tensor | undefined;
    if (needed[0]) {
      dX = new Tensor(x.backend, x.shape, { label: "d_x" });
      product({ a: gates, b: weightIh, c: dX, M: T * B, N: I, K: 4 * H });
    }
    return [dX, gradients.dH0, gradients.dCell, dWeightIh, dWeightHh, dBias, dBias];
  });
  return { hidden, cell };
}

/**
 * One step of an LSTM.
 *
 * @param x Input [B, I].
 * @param state State before the step, [B, H] each.
 * @returns The state after it.
 */
export function lstmCell(x: Tensor, state: LstmState, weights: LstmWeights): LstmState {
  const { hidden, cell } = lstmSequence(reshape(x, [1, ...x.shape]), state, weights);
  return { h: reshape(hidden, state.h.shape), c: cell };
}
