// This module is browser compatible.
/**
 * An LSTM over T steps of B rows, the part that both sequence ops share: the recurrent product, the cell, and
 * their gradients. Time is the slowest axis, so that a step is one slice and all steps are one matrix.
 */

import { copyKernel } from "../../kernels/elementwise.ts";
import { lstmCellBackwardKernel, lstmCellKernel } from "../../kernels/lstm_cell.ts";
import { Tensor } from "../tensor.ts";
import { columnSum } from "./column_sum.ts";
import { copied, ownGradient } from "./copy.ts";
import { product } from "./product.ts";

/** Weights of an LSTM as PyTorch's LSTMCell has them: rows of the gates i, f, g, o. */
export interface LstmWeights {
  /** [4H, I]. */
  readonly weightIh: Tensor;
  /** [4H, H]. */
  readonly weightHh: Tensor;
  /** [4H] each; both are added. */
  readonly biasIh: Tensor;
  readonly biasHh: Tensor;
}

/** State of an LSTM: hidden and cell, [B, H] each. */
export interface LstmState {
  readonly h: Tensor;
  readonly c: Tensor;
}

/** Checks that weights and state fit an input of `inputSize` columns and `B` rows, and returns H. */
export function checkLstm(
  weights: LstmWeights,
  state: LstmState,
  input: { size: number; B: number },
): number {
  const { weightIh, weightHh, biasIh, biasHh } = weights;
  const [B, H] = state.h.shape;
  const fits = weightIh.shape[0] === 4 * H && weightIh.shape[1] === input.size &&
    weightHh.shape[0] === 4 * H &&
    weightHh.shape[1] === H && biasIh.length === 4 * H && biasHh.length === 4 * H && state.c.length === B * H;
  if (!fits || B !== input.B) {
    throw new RangeError(
      `Cannot run an LSTM on ${input.B} rows of ${input.size} with state ${state.h} and ${state.c}: ` +
        `needs state [${input.B}, H], weights [4H, ${input.size}] and [4H, H], got ${weightIh} and ${weightHh}`,
    );
  }
  return H;
}

/** One run over a sequence. `gates` must hold the inputs' products before {@linkcode LstmSteps.step}. */
export class LstmSteps {
  /** [T, B, 4H]: sums, then activated gates, then (backwards) their sums' gradients. */
  readonly gates: Tensor;
  /** [T + 1, B, H]: the state before each step, and after the last. */
  readonly cell: Tensor;
  /** [T, B, H]. */
  readonly hidden: Tensor;
  readonly #state: LstmState;
  readonly #weights: LstmWeights;
  readonly #T: number;
  readonly #B: number;
  readonly #H: number;

  constructor(weights: LstmWeights, state: LstmState, { T, B, H }: { T: number; B: number; H: number }) {
    const { backend } = state.h;
    this.#state = state;
    this.#weights = weights;
    [this.#T, this.#B, this.#H] = [T, B, H];
    this.gates = new Tensor(backend, [T, B, 4 * H], { label: "gates" });
    this.cell = new Tensor(backend, [T + 1, B, H], { label: "cell" });
    this.hidden = new Tensor(backend, [T, B, H], { label: "hidden" });
    const buffers = { x: state.c.storage, y: this.cell.storage };
    backend.run(copyKernel, buffers, { count: B * H, x_offset: 0, y_offset: 0 });
  }

  /** The hidden state before step t, as a slice: a product's `a` and its offset. */
  before(t: number): { a: Tensor; offsetA: number } {
    return t === 0
      ? { a: this.#state.h, offsetA: 0 }
      : { a: this.hidden, offsetA: (t - 1) * this.#B * this.#H };
  }

  /** Adds the recurrent product to the gates of step t and runs the cell. */
  step(t: number): void {
    const [B, H] = [this.#B, this.#H];
    product({
      ...this.before(t),
      b: this.#weights.weightHh,
      c: this.gates,
      M: B,
      N: 4 * H,
      K: H,
      transposeB: true,
      offsetC: t * B * 4 * H,
      beta: 1,
      bias: this.#weights.biasHh,
    });
    const buffers = { gates: this.gates.storage, cell: this.cell.storage, h: this.hidden.storage };
    this.gates.backend.run(lstmCellKernel, buffers, this.#slices(t));
  }

  /** The cell after the last step, [B, H]. */
  lastCell(): Tensor {
    const [T, B, H] = [this.#T, this.#B, this.#H];
    return copied(this.cell, [B, H], { label: "cell", offset: T * B * H });
  }

  /** Gradients to walk back with: copies, since a step adds to the one before. */
  startBackward(dHidden: Tensor | undefined, dLastCell: Tensor | undefined): LstmGradients {
    return {
      dHidden: ownGradient(dHidden, this.hidden),
      dCell: ownGradient(dLastCell, this.#state.c),
      dH0: new Tensor(this.hidden.backend, this.#state.h.shape, { label: "d_h0" }),
    };
  }

  /** Walks step t back through the cell: `gates` of step t become the gradients of their sums. */
  stepBackward(t: number, { dHidden, dCell }: LstmGradients): void {
    this.gates.backend.run(lstmCellBackwardKernel, {
      cell: this.cell.storage,
      d_h: dHidden.storage,
      gates: this.gates.storage,
      d_c: dCell.storage,
    }, this.#slices(t));
  }

  /** Where the gradient of the hidden state before step t gathers: a product's `c`, its offset and beta. */
  gradientBefore(t: number, { dHidden, dH0 }: LstmGradients): { c: Tensor; offsetC: number; beta: 0 | 1 } {
    return t === 0
      ? { c: dH0, offsetC: 0, beta: 0 }
      : { c: dHidden, offsetC: (t - 1) * this.#B * this.#H, beta: 1 };
  }

  /** Sends the gates' gradients of step t to the hidden state before it. */
  recurrentBackward(t: number, gradients: LstmGradients): void {
    const [B, H] = [this.#B, this.#H];
    product({
      a: this.gates,
      b: this.#weights.weightHh,
      ...this.gradientBefore(t, gradients),
      M: B,
      N: H,
      K: 4 * H,
      offsetA: t * B * 4 * H,
    });
  }

  /** After the walk: `dWeight` [4H, columns] at column `offset` from the steps' inputs [T, B, columns]. */
  inputWeightGradient(
    inputs: Tensor,
    target: { dWeight: Tensor; columns: number; offset: number },
  ): void {
    const { dWeight, columns, offset } = target;
    product({
      a: this.gates,
      b: inputs,
      c: dWeight,
      M: 4 * this.#H,
      N: columns,
      K: this.#T * this.#B,
      transposeA: true,
      ldc: dWeight.shape[1],
      offsetC: offset,
    });
  }

  /** After the walk: gradients of the recurrent weight and of both biases, which are equal. */
  recurrentWeightGradients(): { dWeightHh: Tensor; dBias: Tensor } {
    const [T, B, H] = [this.#T, this.#B, this.#H];
    const dWeightHh = new Tensor(this.gates.backend, [4 * H, H], { label: "d_weight_hh" });
    stepsBeforeProduct(this, {
      dOutputs: this.gates,
      dWeight: dWeightHh,
      h0: this.#state.h,
      sizes: { T, B, H, outputs: 4 * H },
    });
    return { dWeightHh, dBias: columnSum(this.gates, 4 * H) };
  }

  #slices(t: number) {
    const [B, H] = [this.#B, this.#H];
    return {
      B,
      H,
      gates_offset: t * B * 4 * H,
      c_in_offset: t * B * H,
      c_out_offset: (t + 1) * B * H,
      h_offset: t * B * H,
    };
  }
}

/** Gradients on their way back through time. */
export interface LstmGradients {
  /** [T, B, H], complete for a step once the later ones have been walked. */
  readonly dHidden: Tensor;
  /** [B, H], of the cell state between two steps. */
  readonly dCell: Tensor;
  /** [B, H], of the first hidden state. */
  readonly dH0: Tensor;
}

/**
 * `dWeight` [outputs, H] of a layer that read the hidden state before each step and whose outputs' gradients are
 * `dOutputs` [T, B, outputs]: the first step read h0, the others their predecessor's hidden.
 */
export function stepsBeforeProduct(steps: LstmSteps, layer: {
  readonly dOutputs: Tensor;
  readonly dWeight: Tensor;
  readonly h0: Tensor;
  readonly sizes: { T: number; B: number; H: number; outputs: number };
}): void {
  const { dOutputs: a, dWeight: c, h0, sizes: { T, B, H, outputs } } = layer;
  const shared = { a, c, M: outputs, N: H, transposeA: true };
  product({ ...shared, b: h0, K: B });
  if (T > 1) {
    product({ ...shared, b: steps.hidden, K: (T - 1) * B, offsetA: B * outputs, beta: 1 });
  }
}
