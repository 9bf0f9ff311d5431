// This module runs in Deno only.
/** The proof of an op: finite differences for its mathematics, and the same numbers on every backend. */

import assert from "node:assert/strict";
import type { Backend } from "../lib/backend/backend.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { valueAndGrad } from "../lib/autograd.ts";
import { mul, sum } from "../lib/ops/mod.ts";
import { Random, uniformAt } from "../lib/random.ts";
import { scope } from "../lib/scope.ts";
import { type Shape, sizeOf, Tensor, tensor } from "../lib/tensor.ts";
import { backends } from "./devices.ts";

/** An op under test. Constants it needs it makes inside, on the backend of its inputs. */
export type Op = (...inputs: Tensor[]) => Tensor;

/** Options of {@linkcode checkOp}. */
export interface CheckOptions {
  /** Least and largest value, of all inputs or of each. Default: -1 to 1. */
  readonly ranges?: readonly (readonly [least: number, largest: number])[];
  /** Largest difference between backends, relative to the largest value of a tensor. Default 1e-5. */
  readonly tolerance?: number;
  /** Default: every backend of this machine. */
  readonly devices?: readonly Backend[];
}

/** Largest relative error of a gradient against finite differences. */
const GRADIENT_TOLERANCE = 1e-6;
/** Differences between backends that are nothing, beside the relative ones. */
const ABSOLUTE_TOLERANCE = 1e-6;
/** Step of the central differences. */
const STEP = 1e-5;
/** Elements of each input whose gradient is checked; all, where there are fewer. */
const CHECKED_ELEMENTS = 48;

interface Outcome {
  readonly y: ArrayLike<number>;
  readonly grads: readonly ArrayLike<number>[];
}

/**
 * Checks an op's gradient by finite differences in f64, then its values and gradients on every backend against f64,
 * and that nothing is left allocated.
 *
 * The inputs' values all differ, none is 0, and they lie on no corner of a ReLU or maximum.
 *
 * @param fn The op.
 * @param shapes Shapes of its inputs.
 * @throws {assert.AssertionError} With the worst element.
 */
export async function checkOp(fn: Op, shapes: readonly Shape[], options: CheckOptions = {}): Promise<void> {
  const { ranges = [[-1, 1]], tolerance = 1e-5, devices = backends } = options;
  const inputs = shapes.map((shape, i) => ({
    shape,
    data: distinctValues(shape, ranges[i] ?? ranges[0], i),
  }));
  const exact = new CpuBackend();
  const want = await run(fn, inputs, exact);
  await checkDifferences(fn, inputs, want);
  for (const backend of devices) {
    const got = await run(fn, inputs, backend);
    compare(got.y, want.y, { what: `the value on ${backend.description}`, tolerance });
    got.grads.forEach((grad, i) =>
      compare(grad, want.grads[i], {
        what: `the gradient of input ${i} on ${backend.description}`,
        tolerance,
      })
    );
  }
}

interface Input {
  readonly shape: Shape;
  readonly data: Float64Array;
}

/** Values exact in f32, evenly spread over the range, in random order. */
function distinctValues(
  shape: Shape,
  [least, largest]: readonly [number, number],
  seed: number,
): Float64Array {
  const count = sizeOf(shape);
  const ranks = new Random(1, seed).shuffled([...Array(count).keys()]);
  // 0.37 and not a half: then none lies in the middle of the range
  return Float64Array.from(ranks, (rank) => Math.fround(least + (largest - least) * (rank + 0.37) / count));
}

/** The weight of output element i in the loss. */
const lossWeight = (i: number) => Math.fround(0.25 + uniformAt(2, i)) * (i % 2 ? 1 : -1);

/** Value and gradients of `Σ weight · fn(inputs)`. */
async function run(fn: Op, inputs: readonly Input[], backend: Backend): Promise<Outcome> {
  const { live } = Tensor;
  const { storages } = backend.memory();
  const tensors = inputs.map(({ shape, data }, i) => tensor(backend, data, { shape, label: `input ${i}` }));
  const { value, grads } = valueAndGrad(tensors, () => {
    const y = fn(...tensors);
    const weights = tensor(backend, Array.from({ length: y.length }, (_, i) => lossWeight(i)), {
      shape: y.shape,
    });
    return { loss: sum(mul(y, weights)), y };
  });
  grads.forEach((grad, i) =>
    assert.deepEqual(grad.shape, inputs[i].shape, `shape of the gradient of input ${i}`)
  );
  const outcome = { y: await value.y.read(), grads: await Promise.all(grads.map((grad) => grad.read())) };
  for (const used of [...tensors, ...grads, value.loss, value.y]) used.dispose();
  assert.equal(Tensor.live, live, `tensors alive after the op on ${backend.description}`);
  assert.equal(backend.memory().storages, storages, `storages after the op on ${backend.description}`);
  return outcome;
}

async function checkDifferences(fn: Op, inputs: readonly Input[], want: Outcome): Promise<void> {
  const backend = new CpuBackend();
  const tensors = inputs.map(({ shape, data }) => tensor(backend, data, { shape }));
  const lossAt = async (input: number, element: number, value: number): Promise<number> => {
    backend.write(tensors[input].storage, [value], element);
    const y = scope(() => fn(...tensors));
    const values = await y.read();
    if (!tensors.includes(y)) y.dispose();
    let loss = 0;
    for (let i = 0; i < values.length; i++) loss += lossWeight(i) * values[i];
    return loss;
  };
  let worst = { error: 0, message: "" };
  for (const [i, { data }] of inputs.entries()) {
    const largest = Math.max(...Array.from(want.grads[i], Math.abs));
    const elements = new Random(3, i).shuffled([...data.keys()]).slice(0, CHECKED_ELEMENTS);
    for (const element of elements) {
      const above = await lossAt(i, element, data[element] + STEP);
      const below = await lossAt(i, element, data[element] - STEP);
      backend.write(tensors[i].storage, [data[element]], element);
      const difference = (above - below) / (2 * STEP);
      const got = want.grads[i][element];
      const error = Math.abs(got - difference) / Math.max(Math.abs(difference), largest / 100, 1e-4);
      if (error <= worst.error) continue;
      const message = `the gradient of input ${i} at element ${element} is ${got}, finite differences say ` +
        `${difference}: relative error ${error.toExponential(1)}`;
      worst = { error: Number.isNaN(error) ? Infinity : error, message };
    }
  }
  for (const input of tensors) input.dispose();
  assert.ok(worst.error <= GRADIENT_TOLERANCE, worst.message);
}

/** Asserts `|got − want| ≤ tolerance · max |want| + 1e-6` everywhere; NaN and infinities must agree. */
export function compare(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  { what, tolerance }: { readonly what: string; readonly tolerance: number },
): void {
  assert.equal(got.length, want.length, `length of ${what}`);
  let largest = 0;
  for (let i = 0; i < want.length; i++) {
    if (Number.isFinite(want[i])) largest = Math.max(largest, Math.abs(want[i]));
  }
  const limit = tolerance * largest + ABSOLUTE_TOLERANCE;
  let worst = -1;
  let worstError = limit;
  for (let i = 0; i < want.length; i++) {
    if (Object.is(got[i], want[i]) || got[i] === want[i]) continue;
    const error = Math.abs(got[i] - want[i]);
    if (error <= worstError) continue;
    worst = i;
    worstError = Number.isNaN(error) ? Infinity : error;
  }
  assert.ok(
    worst < 0,
    `${what}: element ${worst} is ${got[worst]}, not ${want[worst]} (off by ${worstError}, allowed ${limit})`,
  );
}

/** What an op makes of numbers, on every backend. */
export async function onAll(
  fn: Op,
  inputs: readonly (readonly [data: readonly number[], shape: Shape])[],
): Promise<number[][]> {
  const results: number[][] = [];
  for (const backend of backends) {
    const y = scope(() => fn(...inputs.map(([data, shape]) => tensor(backend, data, { shape }))));
    results.push([...await y.read()]);
    y.dispose();
  }
  return results;
}

/** A tensor with a name and a shape, for messages of errors. It dies with the scope around it. */
export function named(label: string, ...shape: number[]): Tensor {
  return new Tensor(new CpuBackend(), shape, { label });
}

/** Asserts that `fn` fails with a message like this one, and frees what it made. */
export function refuses(fn: () => unknown, message: RegExp): void {
  const body = () => void fn();
  assert.throws(() => scope(body), { message });
}
