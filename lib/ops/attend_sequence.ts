// This module is browser compatible.
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { attendBackward } from "./attend_sequence_backward.ts";
import { attendAt, type AttentionSteps } from "./attention_steps.ts";
import type { LinearLayer } from "./linear.ts";
import { checkLstm, type LstmState, LstmSteps, type LstmWeights } from "./lstm_steps.ts";
import { product } from "./product.ts";

// B images, k beams of each, N = B · k rows, T steps, P positions, D feature channels, A attention, E embedding, H hidden

/** Weights of an LSTM with soft attention and a gated context (Xu et al., 2015). */
export interface AttendWeights {
  /** The LSTM; its inputs are [embedding, gated context], so weightIh is [4H, E + D]. */
  readonly lstm: LstmWeights;
  /** decoder_att: weight [A, H], bias [A]. */
  readonly state: Required<LinearLayer>;
  /** full_att: weight [1, A], bias [1]. */
  readonly full: Required<LinearLayer>;
  /** f_beta, the gate's logits: weight [D, H], bias [D]. */
  readonly gate: Required<LinearLayer>;
}

/** What the decoder looks at. */
export interface AttendMemory {
  /** [B, P, D]. */
  readonly features: Tensor;
  /** encoder_att(features) [B, P, A], the same at every step. */
  readonly att1: Tensor;
}

/** What {@linkcode attendSequence} returns. */
export interface AttendResult {
  /** [T, N, H]. */
  readonly hidden: Tensor;
  /** Attention [T, N, P]; each row sums to 1. */
  readonly alphas: Tensor;
  /** Gated context [T, N, D]: what the LSTM read of the image. */
  readonly context: Tensor;
  /** Cell state after the last step [N, H]. */
  readonly cell: Tensor;
}

/** All that one run computes and its gradient reads. */
export interface AttendRun {
  /** N rows: images times beams. */
  readonly sizes: Readonly<Record<"T" | "N" | "D" | "A" | "E" | "H", number>>;
  readonly weights: AttendWeights;
  readonly embedded: Tensor;
  readonly state: LstmState;
  readonly steps: LstmSteps;
  readonly attention: AttentionSteps;
  /** [T, N, D] each: the gate's logits, and the context times the gate. */
  readonly gateLogits: Tensor;
  readonly gated: Tensor;
}

/**
 * An LSTM that looks at the image before every step, over a whole sequence.
 *
 * `score_p = full · squash(att1_p + state(h))`, `alpha = softmax(score)`, `context = Σ alpha_p features_p`,
 * LSTM input `[embedded, sigmoid(gate(h)) · context]`, all with the h before the step. What does not depend on h
 * is one product for all steps. With T = 1 and `beams` it is the step of a search.
 *
 * @param embedded Words read at each step [T, N, E].
 * @param memory Features and their half of the attention; image b serves rows b·k to b·k + k - 1.
 * @param state State before the first step [N, H].
 * @throws {RangeError} If the sizes do not fit.
 */
export function attendSequence(
  embedded: Tensor,
  options: {
    memory: AttendMemory;
    state: LstmState;
    weights: AttendWeights;
    /** Default "relu". */
    squash?: "relu" | "tanh";
  },
): AttendResult {
  const { memory: { features, att1 }, state, weights, squash = "relu" } = options;
  const [T, N, E] = embedded.shape;
  const [B, P, D] = features.shape;
  const A = att1.shape[2];
  const beams = N / B;
  const H = checkLstm(weights.lstm, state, { size: E + D, B: N });
  if (!Number.isInteger(beams) || att1.shape[1] !== P || weights.state.weight.shape[0] !== A) {
    throw new RangeError(
      `Cannot attend to ${features} with ${att1} from ${embedded}: needs [images, positions, ·] twice and a ` +
        `multiple of ${B} rows`,
    );
  }
  const { backend } = features;
  const make = (size: number, label: string) => new Tensor(backend, [T, N, size], { label });
  const steps = new LstmSteps(weights.lstm, state, { T, B: N, H });
  const gate = { logits: make(D, "gate_logits"), gated: make(D, "gated") };
  const run: AttendRun = {
    sizes: { T, N, D, A, E, H },
    weights,
    embedded,
    state,
    steps,
    attention: {
      features,
      att1,
      att2: make(A, "att2"),
      full: weights.full,
      squash,
      alphas: make(P, "alphas"),
      context: make(D, "context"),
      gate,
    },
    gateLogits: gate.logits,
    gated: gate.gated,
  };
  const { weightIh, biasIh } = weights.lstm;
  product({
    a: embedded,
    b: weightIh,
    c: steps.gates,
    M: T * N,
    N: 4 * H,
    K: E,
    transposeB: true,
    ldb: E + D,
    bias: biasIh,
  });
  for (let t = 0; t < T; t++) {
    lookAt(run, t);
    product({ // the context's half of the LSTM's inputs
      a: run.gated,
      b: weightIh,
      c: steps.gates,
      M: N,
      N: 4 * H,
      K: D,
      transposeB: true,
      ldb: E + D,
      offsetA: t * N * D,
      offsetB: E,
      offsetC: t * N * 4 * H,
      beta: 1,
    });
    steps.step(t);
  }
  const cell = steps.lastCell();
  const { alphas } = run.attention;
  const { lstm, state: decoderAtt, full, gate: fBeta } = weights;
  record(
    [steps.hidden, alphas, cell, run.gated],
    [embedded, features, att1, state.h, state.c, lstm.weightIh, lstm.weightHh, lstm.biasIh, lstm.biasHh]
      .concat([decoderAtt.weight, decoderAtt.bias, full.weight, full.bias, fBeta.weight, fBeta.bias]),
    (dOutputs, needed) => {
      if (beams !== 1) throw new RangeError(`Cannot differentiate attention with ${beams} beams per image`);
      return attendBackward(run, dOutputs, needed);
    },
  );
  return { hidden: steps.hidden, alphas, context: run.gated, cell };
}

/** Attention, context and its gate at step t, from the hidden state before it. */
function lookAt({ sizes, weights: { state, gate }, steps, attention, gateLogits }: AttendRun, t: number) {
  const { N, D, A, H } = sizes;
  const layer = { ...steps.before(t), M: N, K: H, transposeB: true };
  product({ ...layer, b: state.weight, c: attention.att2, N: A, offsetC: t * N * A, bias: state.bias });
  product({ ...layer, b: gate.weight, c: gateLogits, N: D, offsetC: t * N * D, bias: gate.bias });
  attendAt(attention, t);
}
