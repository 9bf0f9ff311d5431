// This module is browser compatible.
import { attentionContextKernel, attentionScoresKernel } from "../../kernels/attention.ts";
import { sigmoidGateKernel } from "../../kernels/sigmoid_gate.ts";
import { softmaxKernel } from "../../kernels/softmax.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { attendBackward } from "./attend_sequence_backward.ts";
import { checkLstm, type LstmState, LstmSteps, type LstmWeights } from "./lstm_steps.ts";
import { product } from "./product.ts";

// B images, k beams of each, N = B · k rows, T steps, P positions, D feature channels, A attention, E embedding, H hidden

/** Weights of an LSTM with soft attention and a gated context (Xu et al., 2015). */
export interface AttendWeights {
  /** The LSTM; its inputs are [embedding, gated context], so weightIh is [4H, E + D]. */
  readonly lstm: LstmWeights;
  /** decoder_att: weight [A, H], bias [A]. */
  readonly state: { readonly weight: Tensor; readonly bias: Tensor };
  /** full_att: weight [1, A], bias [1]. */
  readonly full: { readonly weight: Tensor; readonly bias: Tensor };
  /** f_beta, the gate's logits: weight [D, H], bias [D]. */
  readonly gate: { readonly weight: Tensor; readonly bias: Tensor };
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
  /** Cell state after the last step [N, H]. */
  readonly cell: Tensor;
}

/** All that one run computes and its gradient reads. */
export interface AttendRun extends AttendMemory {
  readonly sizes: {
    readonly T: number;
    readonly B: number;
    readonly P: number;
    readonly D: number;
    readonly A: number;
    readonly E: number;
    readonly H: number;
  };
  readonly weights: AttendWeights;
  readonly embedded: Tensor;
  readonly state: LstmState;
  readonly steps: LstmSteps;
  /** decoder_att(h) of every step [T, N, A]. */
  readonly att2: Tensor;
  readonly alphas: Tensor;
  /** [T, N, D] each: context, its gate's logits, and their product. */
  readonly context: Tensor;
  readonly gateLogits: Tensor;
  readonly gated: Tensor;
}

/**
 * An LSTM that looks at the image before every step, over a whole sequence.
 *
 * `score_p = full · relu(att1_p + state(h))`, `alpha = softmax(score)`, `context = Σ alpha_p features_p`,
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
  options: { memory: AttendMemory; state: LstmState; weights: AttendWeights },
): AttendResult {
  const { memory: { features, att1 }, state, weights } = options;
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
  const run: AttendRun = {
    features,
    att1,
    sizes: { T, B: N, P, D, A, E, H },
    weights,
    embedded,
    state,
    steps,
    att2: make(A, "att2"),
    alphas: make(P, "alphas"),
    context: make(D, "context"),
    gateLogits: make(D, "gate_logits"),
    gated: make(D, "gated"),
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
    attend(run, { t, beams });
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
  const { alphas } = run;
  const { lstm, state: decoderAtt, full, gate } = weights;
  record(
    [steps.hidden, alphas, cell],
    [embedded, features, att1, state.h, state.c, lstm.weightIh, lstm.weightHh, lstm.biasIh, lstm.biasHh]
      .concat([decoderAtt.weight, decoderAtt.bias, full.weight, full.bias, gate.weight, gate.bias]),
    (dOutputs, needed) => {
      if (beams !== 1) throw new RangeError(`Cannot differentiate attention with ${beams} beams per image`);
      return attendBackward(run, dOutputs, needed);
    },
  );
  return { hidden: steps.hidden, alphas, cell };
}

/** Scores, alpha, context and its gate at step t, from the hidden state before it. */
function attend(run: AttendRun, { t, beams }: { t: number; beams: number }): void {
  const { features, att1, weights, steps, att2, alphas, context, gateLogits, gated } = run;
  const { T: _, B: N, P, D, A, H } = run.sizes;
  const { backend } = features;
  const before = steps.before(t);
  const layer = { ...before, M: N, K: H, transposeB: true };
  const { state, gate, full } = weights;
  product({ ...layer, b: state.weight, c: att2, N: A, offsetC: t * N * A, bias: state.bias });
  product({ ...layer, b: gate.weight, c: gateLogits, N: D, offsetC: t * N * D, bias: gate.bias });
  const scores = new Tensor(backend, [N, P], { label: "scores" });
  backend.run(attentionScoresKernel, {
    att1: att1.storage,
    att2: att2.storage,
    full: full.weight.storage,
    full_bias: full.bias.storage,
    scores: scores.storage,
  }, { N, P, A, beams, att2_offset: t * N * A, scores_offset: 0 });
  const rows = { outer: N, size: P, inner: 1, x_offset: 0, y_offset: t * N * P, logarithm: 0 };
  backend.run(softmaxKernel, { x: scores.storage, y: alphas.storage }, rows);
  scores.dispose();
  const alpha = { alpha: alphas.storage, features: features.storage, context: context.storage };
  const slices = { alpha_offset: t * N * P, context_offset: t * N * D };
  backend.run(attentionContextKernel, alpha, { N, P, D, beams, ...slices });
  const gates = { logits: gateLogits.storage, x: context.storage, gated: gated.storage };
  backend.run(sigmoidGateKernel, gates, { count: N * D, offset: t * N * D });
}
