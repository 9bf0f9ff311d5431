// This module is browser compatible.
/** What is right: sampled elements of a result, summed in f64 from the definition. */

import type { StorageType } from "../backend/backend.ts";
import { convOutputSize, convShapes, type ConvWork, type KernelWork, lengthOf, shapesOf } from "./work.ts";

/** Largest error of an element, relative to the sum of its terms' sizes. */
const TOLERANCE = 2e-5;
/** Relative error of storing a number in 11 bits. */
const HALF_ROUNDING = 2 ** -11;
/** Elements that are checked. */
const SAMPLES = 64;

/** An element as it should be. */
interface Expected {
  readonly value: number;
  /** Sum of the sizes of the terms that make it: what rounding errors grow with. */
  readonly size: number;
}

/**
 * Compares sampled elements of a result with their definition. A bench without this can measure a kernel that failed
 * to compile: it does nothing, and fast.
 *
 * @param inputs As made by `inputsOf`; rounded to halves where they are stored so.
 * @param stored What the output is stored in.
 * @returns What is wrong, or nothing.
 */
export function checkResult(
  work: KernelWork,
  inputs: readonly Float32Array[],
  output: ArrayLike<number>,
  stored: StorageType = "f32",
): string | undefined {
  const length = lengthOf(shapesOf(work).output);
  if (output.length !== length) return `it has ${output.length} numbers, ${length} are right`;
  for (let sample = 0; sample < SAMPLES; sample++) {
    const index = Math.round(sample * (length - 1) / (SAMPLES - 1));
    const { value, size } = expectedAt(work, inputs, index);
    const rounded = stored === "f16" ? HALF_ROUNDING * Math.abs(value) : 0;
    if (!(Math.abs(output[index] - value) <= TOLERANCE * size + rounded)) {
      return `number ${index} is ${output[index]}, ${value} is right`;
    }
  }
}

/** One element of a work's result. */
function expectedAt(work: KernelWork, inputs: readonly Float32Array[], index: number): Expected {
  const [a, b] = inputs;
  if (work.kind === "matmul") {
    const { N, K, transposeB } = work;
    const [m, n] = [Math.floor(index / N), index % N];
    return sumOf(K, (k) => a[m * K + k] * b[transposeB ? n * K + k : k * N + n]);
  }
  if (work.kind === "conv2d") return convAt(work, inputs, index);
  if (work.op === "transpose") {
    const [column, row] = [Math.floor(index / work.rows), index % work.rows];
    return exact(a[row * work.columns + column]);
  }
  if (work.op === "add") return exact(a[index] + b[index]);
  return exact(work.op === "copy" ? a[index] : 1 / (1 + Math.exp(-a[index])));
}

function convAt(work: ConvWork, [a, b]: readonly Float32Array[], index: number): Expected {
  const { batch, size, inputs, outputs, kernel, stride, padding, pass } = work;
  const out = convOutputSize(work);
  const shapes = convShapes(work);
  // The terms x[n, iy, ix, i] · weight[ky, kx, i, o] of y[n, oy, ox, o], whichever of the three is looked for.
  const x = (n: number, iy: number, ix: number, i: number) =>
    iy < 0 || iy >= size || ix < 0 || ix >= size ? 0 : a[((n * size + iy) * size + ix) * inputs + i];
  if (pass === "forward") {
    const [n, oy, ox, o] = unravel(index, shapes.y);
    return sumOf(kernel * kernel * inputs, (term) => {
      const [ky, kx, i] = unravel(term, [kernel, kernel, inputs]);
      return x(n, oy * stride + ky - padding, ox * stride + kx - padding, i) * b[term * outputs + o];
    });
  }
  if (pass === "weight gradient") {
    const [ky, kx, i, o] = unravel(index, shapes.weight);
    return sumOf(batch * out * out, (pixel) => {
      const [n, oy, ox] = unravel(pixel, [batch, out, out]);
      return x(n, oy * stride + ky - padding, ox * stride + kx - padding, i) * b[pixel * outputs + o];
    });
  }
  const [n, iy, ix, i] = unravel(index, shapes.x);
  return sumOf(kernel * kernel * outputs, (term) => {
    const [ky, kx, o] = unravel(term, [kernel, kernel, outputs]);
    const [oy, ox] = [(iy + padding - ky) / stride, (ix + padding - kx) / stride];
    if (!(Number.isInteger(oy) && Number.isInteger(ox) && oy >= 0 && oy < out && ox >= 0 && ox < out)) {
      return 0;
    }
    return a[((n * out + oy) * out + ox) * outputs + o] * b[((ky * kernel + kx) * inputs + i) * outputs + o];
  });
}

function sumOf(count: number, term: (i: number) => number): Expected {
  let [value, size] = [0, 0];
  for (let i = 0; i < count; i++) {
    const t = term(i);
    value += t;
    size += Math.abs(t);
  }
  return { value, size };
}

function exact(value: number): Expected {
  return { value, size: Math.abs(value) };
}

/** The index along each axis. */
function unravel(index: number, shape: readonly number[]): number[] {
  const result = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    result[axis] = index % shape[axis];
    index = Math.floor(index / shape[axis]);
  }
  return result;
}
