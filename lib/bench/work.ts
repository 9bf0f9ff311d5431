// This module is browser compatible.
/** Pieces of work whose speed is measured: what goes in, how much arithmetic it is, how long the result. */

/** `[M, K] · [K, N]`, or with B stored [N, K] as the weights of a linear layer are. */
export interface MatmulWork {
  readonly kind: "matmul";
  readonly name: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** B is stored [N, K]. */
  readonly transposeB: boolean;
}

/** Forward, or one of the two gradients. */
export type ConvPass = "forward" | "input gradient" | "weight gradient";

/** A square convolution of square pictures, NHWC and HWIO. */
export interface ConvWork {
  readonly kind: "conv2d";
  readonly name: string;
  readonly pass: ConvPass;
  readonly batch: number;
  /** Rows and columns of the input. */
  readonly size: number;
  /** Cin. */
  readonly inputs: number;
  /** Cout. */
  readonly outputs: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

/** What an {@linkcode ElementwiseWork} does with every number. */
export type ElementwiseOp = "copy" | "add" | "sigmoid" | "transpose";

/** Work bound by memory, on matrices [rows, columns]. */
export interface ElementwiseWork {
  readonly kind: "elementwise";
  readonly name: string;
  readonly op: ElementwiseOp;
  readonly rows: number;
  readonly columns: number;
}

/** One kernel's work. */
export type KernelWork = MatmulWork | ConvWork | ElementwiseWork;

/** Rows and columns of a convolution's output. */
export function convOutputSize({ size, kernel, stride, padding }: ConvWork): number {
  return Math.floor((size + 2 * padding - kernel) / stride) + 1;
}

/** Shapes of the feature maps and the weight of a convolution: x, weight and y. */
export function convShapes(work: ConvWork) {
  const { batch, size, inputs, outputs, kernel } = work;
  const out = convOutputSize(work);
  return {
    x: [batch, size, size, inputs],
    weight: [kernel, kernel, inputs, outputs],
    y: [batch, out, out, outputs],
  } as const;
}

/** Shapes of what a work reads, in order, and of what it makes. */
export function shapesOf(work: KernelWork): {
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
} {
  if (work.kind === "matmul") {
    const { M, N, K, transposeB } = work;
    return { inputs: [[M, K], transposeB ? [N, K] : [K, N]], output: [M, N] };
  }
  if (work.kind === "conv2d") {
    const { x, weight, y } = convShapes(work);
    if (work.pass === "forward") return { inputs: [x, weight], output: y };
    if (work.pass === "input gradient") return { inputs: [y, weight], output: x };
    return { inputs: [x, y], output: weight };
  }
  const { op, rows, columns } = work;
  const shape = [rows, columns];
  return {
    inputs: op === "add" ? [shape, shape] : [shape],
    output: op === "transpose" ? [columns, rows] : shape,
  };
}

/** Floating point operations of a product or convolution, a multiply-add counted as two; else bytes moved. */
export function amountOf(work: KernelWork): { readonly amount: number; readonly unit: "GFLOP/s" | "GB/s" } {
  if (work.kind === "matmul") return { amount: 2 * work.M * work.N * work.K, unit: "GFLOP/s" };
  if (work.kind === "conv2d") {
    const { batch, inputs, outputs, kernel } = work;
    const positions = batch * convOutputSize(work) ** 2;
    return { amount: 2 * positions * kernel * kernel * inputs * outputs, unit: "GFLOP/s" };
  }
  const { inputs, output } = shapesOf(work);
  return {
    amount: 4 * [...inputs, output].map(lengthOf).reduce((sum, length) => sum + length),
    unit: "GB/s",
  };
}

/** Numbers that the work reads, made from a seed: a result of another seed's inputs is wrong for these. */
export function inputsOf(work: KernelWork, seed: number): Float32Array[] {
  return shapesOf(work).inputs.map((shape, i) => numbers(lengthOf(shape), 2 * seed + i));
}

/** Elements of a shape. */
export function lengthOf(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

/** `length` numbers between -1 and 1: a multiplicative sequence with a prime period, easy to repeat elsewhere. */
function numbers(length: number, seed: number): Float32Array {
  const result = new Float32Array(length);
  let state = (seed * 104_729 + 1) % PERIOD;
  for (let i = 0; i < length; i++) {
    result[i] = state / (PERIOD / 2) - 1;
    state = (state + STEP) % PERIOD;
  }
  return result;
}

const PERIOD = 65_521;
const STEP = 40_503;
