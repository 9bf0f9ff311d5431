// This module is browser compatible.
/** NaN, infinities and huge logits, op by op, beside the expression that says the same in PyTorch. */

import {
  adaptiveAvgPool2d,
  add,
  avgPool2d,
  batchNorm,
  conv2d,
  crossEntropy,
  div,
  embedding,
  exp,
  linear,
  log,
  logSoftmax,
  matmul,
  maxPool2d,
  mean,
  mul,
  relu,
  relu6,
  sigmoid,
  softmax,
  sum,
  tanh,
} from "../../lib/ops/mod.ts";
import { type Shape, type Tensor, tensor } from "../../lib/tensor.ts";

/** One op and what it is given. */
export interface OddCase {
  readonly name: string;
  readonly op: (...inputs: Tensor[]) => Tensor;
  /** The same of x, y and z; maps are NHWC, `nchw` and `nhwc` turn them; `relu6` is reference.py's. */
  readonly torch: string;
  readonly inputs: readonly (readonly [data: readonly number[], shape: Shape])[];
}

const INF = Infinity;
const ODD = [NaN, INF, -INF, 1e30, -1e30, 100, -100, 6, 0, 0.5, -0.5];

function elementwise(name: string, op: OddCase["op"], torch: string, data: readonly number[] = ODD): OddCase {
  return { name, op, torch, inputs: [[data, [data.length]]] };
}

/** Rows of logits: huge, with infinities, with NaN, all -∞. */
const ROWS: readonly (readonly [what: string, row: readonly number[]])[] = [
  ["±1e4", [1e4, -1e4, 9999, 0, 1e4]],
  ["-1e4 all", [-1e4, -1e4, -1e4, -1e4, -1e4]],
  ["one -∞", [1, 2, -INF, 0, 3]],
  ["one +∞", [1, 2, INF, 0, 3]],
  ["one NaN", [1, NaN, 2, 0, 3]],
  ["all -∞", [-INF, -INF, -INF, -INF, -INF]],
];

const ids = (like: Tensor, data: number[]) => tensor(like.backend, data, { type: "u32" });

function* rows(): Generator<OddCase> {
  for (const [what, row] of ROWS) {
    const data = [...row, 0.1, 0.2, 0.3, 0.4, 0.5]; // and a plain row, which must stay one
    const inputs = [[data, [2, 5]]] as const;
    yield { name: `softmax, ${what}`, op: (x) => softmax(x), torch: "F.softmax(x, 1)", inputs };
    yield { name: `logSoftmax, ${what}`, op: (x) => logSoftmax(x), torch: "F.log_softmax(x, 1)", inputs };
    for (const goal of [1, 2]) {
      yield {
        name: `crossEntropy, ${what}, target ${goal}`,
        op: (x) => crossEntropy(x, ids(x, [goal, 3]), { ignored: 0 }),
        torch: `F.cross_entropy(x, torch.tensor([${goal}, 3]), ignore_index=0)`,
        inputs,
      };
    }
    // PyTorch's gradient of a row that is ignored is 0 times its softmax: NaN where that is. Ours is 0.
    if (!row.every(Number.isFinite) && what !== "one -∞") continue;
    yield {
      name: `crossEntropy, ${what}, row ignored`,
      op: (x) => crossEntropy(x, ids(x, [0, 3]), { ignored: 0 }),
      torch: "F.cross_entropy(x, torch.tensor([0, 3]), ignore_index=0)",
      inputs,
    };
  }
}

/** A map [1, 4, 4, 2] with one odd number in its first channel. */
function oddMap(odd: number): readonly [data: readonly number[], shape: Shape] {
  return [Array.from({ length: 32 }, (_, i) => i === 10 ? odd : (i * 7 % 32) / 8 - 2), [1, 4, 4, 2]];
}

function batchNormOf(x: Tensor, training: boolean, activation?: "relu" | "relu6"): Tensor {
  const numbers = (...data: number[]) => tensor(x.backend, data);
  const norm = {
    weight: numbers(1, 2),
    bias: numbers(0, 1),
    runningMean: numbers(0, 0),
    runningVar: numbers(1, 1),
  };
  return batchNorm(x, norm, { training, activation });
}

const TORCH_NORM = (training: string) =>
  `nhwc(F.batch_norm(nchw(x), torch.zeros(2), torch.ones(2), torch.tensor([1., 2.]), torch.tensor([0., 1.]), ` +
  `${training}, 0.1, 1e-5))`;

function* maps(): Generator<OddCase> {
  const kernel = [Array.from({ length: 3 * 3 * 2 * 2 }, (_, i) => i % 5 === 0 ? 0 : (i % 7) / 4 - 0.5), [
    3,
    3,
    2,
    2,
  ]];
  for (const odd of [NaN, INF, -INF]) {
    const inputs = [oddMap(odd)] as const;
    const one = (name: string, op: OddCase["op"], torch: string) => ({
      name: `${name}, ${odd}`,
      op,
      torch,
      inputs,
    });
    yield one("maxPool2d", (x) => maxPool2d(x, { kernel: 2 }), "nhwc(F.max_pool2d(nchw(x), 2))");
    yield one(
      "maxPool2d, overlapping",
      (x) => maxPool2d(x, { kernel: 3, stride: 1, padding: 1 }),
      "nhwc(F.max_pool2d(nchw(x), 3, 1, 1))",
    );
    yield one("avgPool2d", (x) => avgPool2d(x, { kernel: 2 }), "nhwc(F.avg_pool2d(nchw(x), 2))");
    yield one(
      "adaptiveAvgPool2d",
      (x) => adaptiveAvgPool2d(x, [3, 3]),
      "nhwc(F.adaptive_avg_pool2d(nchw(x), 3))",
    );
    yield one("batchNorm, training", (x) => batchNormOf(x, true), TORCH_NORM("True"));
    yield one("batchNorm, evaluation", (x) => batchNormOf(x, false), TORCH_NORM("False"));
    yield one("batchNorm with ReLU", (x) => batchNormOf(x, false, "relu"), `F.relu(${TORCH_NORM("False")})`);
    yield one(
      "batchNorm with ReLU6",
      (x) => batchNormOf(x, false, "relu6"),
      `relu6(${TORCH_NORM("False")})`,
    );
    for (const activation of ["none", "relu", "relu6"] as const) {
      const torch = "nhwc(F.conv2d(nchw(x), y.permute(3, 2, 0, 1), padding=1))";
      yield {
        name: `conv2d with ${activation}, ${odd}`,
        op: (x, weight) => conv2d(x, weight, { padding: 1, activation }),
        torch: { none: torch, relu: `F.relu(${torch})`, relu6: `relu6(${torch})` }[activation],
        inputs: [oddMap(odd), kernel as unknown as OddCase["inputs"][number]],
      };
    }
  }
}

/** Every case. */
export const ODD_CASES: readonly OddCase[] = [
  elementwise("relu", relu, "F.relu(x)"),
  elementwise("relu6", relu6, "relu6(x)"),
  elementwise("sigmoid", sigmoid, "torch.sigmoid(x)"),
  elementwise("tanh", tanh, "torch.tanh(x)"),
  elementwise("exp", exp, "torch.exp(x)"),
  elementwise("log", log, "torch.log(x)", [NaN, INF, -INF, -1, 0, 1e30, 0.5]),
  elementwise("add to itself", (x) => add(x, x), "x + x"),
  elementwise("multiply by itself", (x) => mul(x, x), "x * x"),
  elementwise("sum", (x) => sum(x), "x.sum()", [INF, 1, -INF]),
  elementwise("mean", (x) => mean(x), "x.mean()", [1, NaN, 2]),
  {
    name: "divide",
    op: div,
    torch: "x / y",
    inputs: [[[1, -1, 0, INF, NaN, 1], [6]], [[0, 0, 0, INF, 1, NaN], [6]]],
  },
  {
    name: "matmul",
    op: (x, y) => matmul(x, y),
    torch: "x @ y",
    inputs: [[[1, INF, 0, 2, 3, NaN, 0, 1, 2], [3, 3]], [[0, 1, 2, 0, 1, -1], [3, 2]]],
  },
  // Sums at the corners of ReLU6, beside them, and what is no number.
  ...(["relu", "relu6"] as const).map((activation): OddCase => ({
    name: `linear with ${activation}`,
    op: (x, weight) => linear(x, { weight }, { activation }),
    torch: { relu: "F.relu(x @ y.T)", relu6: "relu6(x @ y.T)" }[activation],
    inputs: [[[0, 6, 3, 7, -1, INF, -INF, NaN], [8, 1]], [[1, 2, -1], [3, 1]]],
  })),
  {
    name: "embedding",
    op: (x) => embedding(x, ids(x, [1, 0, 2])),
    torch: "x[torch.tensor([1, 0, 2])]",
    inputs: [[[1, NaN, 2, 3, INF, 4], [3, 2]]],
  },
  ...rows(),
  ...maps(),
];
