// This module runs in Deno only.
/** jax-js as a contestant: its WebAssembly backend (on all cores) and its WebGPU backend. */

import { type Contestant, isKernelWork, type Runner } from "../../lib/bench/contestant.ts";
import { checkResult } from "../../lib/bench/expected.ts";
import { type ConvWork, inputsOf, type KernelWork, shapesOf } from "../../lib/bench/work.ts";
import { ORDER, permuted, type Shaped } from "./layouts.ts";

// Not written where it is used: the product's own checks do not see the bench's imports.
const JAX = "@jax-js/jax";

/** An array counts its owners: `ref` adds one, and being an argument takes one away. */
interface JaxArray {
  readonly ref: JaxArray;
  readonly shape: number[];
  data(): Promise<Float32Array>;
  blockUntilReady(): Promise<JaxArray>;
  transpose(): JaxArray;
  dispose(): void;
}

/** The part of the library that the bench calls. */
interface Jax {
  init(device: string): Promise<string[]>;
  numpy: {
    array(values: Float32Array, options: { shape: readonly number[]; device: string }): JaxArray;
    matmul(a: JaxArray, b: JaxArray): JaxArray;
    add(a: JaxArray, b: JaxArray): JaxArray;
  };
  nn: { sigmoid(x: JaxArray): JaxArray };
  lax: {
    convGeneralDilated(x: JaxArray, weight: JaxArray, strides: number[], padding: number[][]): JaxArray;
  };
  vjp(
    fn: (x: JaxArray) => JaxArray,
    inputs: JaxArray[],
  ): [y: JaxArray, back: ((dY: JaxArray) => [JaxArray]) & { dispose(): void }];
}

/** Opens one of the two. */
export async function openJax(name: "wasm" | "webgpu"): Promise<Contestant> {
  const jax = await import(JAX) as Jax;
  if (!(await jax.init(name)).includes(name)) {
    throw new Error(`Cannot open jax-js: it has no ${name} device here`);
  }
  return {
    peer: "jax-js",
    device: name === "wasm" ? "cpu" : "webgpu",
    threads: name === "wasm" ? navigator.hardwareConcurrency : undefined,
    prepare(work, seed) {
      // Copies and transposes are views there: nothing moves.
      const view = work.kind === "elementwise" && (work.op === "copy" || work.op === "transpose");
      if (!isKernelWork(work) || view) return Promise.resolve(undefined);
      return Promise.resolve(prepareKernel(jax, { name, work, seed }));
    },
    close() {},
  };
}

interface Once {
  readonly once: () => JaxArray;
  /** The result's order of axes for channels last. */
  readonly order?: readonly number[];
  dispose(): void;
}

function prepareKernel(
  jax: Jax,
  { name, work, seed }: {
    readonly name: string;
    readonly work: KernelWork;
    readonly seed: number;
  },
): Runner {
  const numbers = inputsOf(work, seed);
  const shapes = shapesOf(work).inputs;
  const given = numbers.map((data, i): Shaped => ({ data, shape: shapes[i] }));
  const make = ({ data, shape }: Shaped) => jax.numpy.array(data, { shape, device: name });
  const { once, order, dispose } = work.kind === "conv2d"
    ? convOnce(jax, work, { given, make })
    : plainOnce(jax, work, given.map(make));
  let result: JaxArray | undefined;
  return {
    async run(times) {
      // It computes nothing that nobody waits for: all results are kept, and waited for.
      const results = Array.from({ length: times }, once);
      for (const each of results) await each.blockUntilReady();
      result?.dispose();
      result = results.pop();
      for (const each of results) each.dispose();
    },
    async check() {
      if (!result) return "nothing has run";
      const { shape } = result;
      const data = await result.ref.data();
      return checkResult(work, numbers, order ? permuted(data, shape, order).data : data);
    },
    dispose() {
      result?.dispose();
      dispose();
    },
  };
}

function plainOnce(jax: Jax, work: KernelWork, inputs: readonly JaxArray[]): Once {
  const [a, b] = inputs;
  const { numpy, nn } = jax;
  const dispose = () => inputs.forEach((input) => input.dispose());
  if (work.kind === "matmul") {
    return { once: () => numpy.matmul(a.ref, work.transposeB ? b.ref.transpose() : b.ref), dispose };
  }
  const adds = work.kind === "elementwise" && work.op === "add";
  return { once: () => adds ? numpy.add(a.ref, b.ref) : nn.sigmoid(a.ref), dispose };
}

/** Channels first, as it wants them. */
function convOnce(
  jax: Jax,
  work: ConvWork,
  { given: [a, b], make }: {
    readonly given: readonly Shaped[];
    readonly make: (numbers: Shaped) => JaxArray;
  },
): Once {
  const { stride, padding, pass } = work;
  const picture = ({ data, shape }: Shaped) => permuted(data, shape, ORDER.toChannelsFirst);
  const filter = ({ data, shape }: Shaped) => permuted(data, shape, ORDER.toOutputsFirst);
  const pads = [[padding, padding], [padding, padding]];
  const conv = (x: JaxArray, w: JaxArray) => jax.lax.convGeneralDilated(x, w, [stride, stride], pads);
  if (pass === "forward") {
    const [x, w] = [make(picture(a)), make(filter(b))];
    const dispose = () => [x, w].forEach((each) => each.dispose());
    return { once: () => conv(x.ref, w.ref), order: ORDER.toChannelsLast, dispose };
  }
  const toInput = pass === "input gradient";
  const { inputs, outputs, kernel, batch, size } = work;
  const zeros = (shape: number[]) =>
    make({ data: new Float32Array(shape.reduce((product, each) => product * each)), shape });
  const x = toInput ? zeros([batch, inputs, size, size]) : make(picture(a));
  const w = toInput ? make(filter(b)) : zeros([outputs, inputs, kernel, kernel]);
  const dY = make(picture(toInput ? a : b));
  const [y, back] = toInput
    ? jax.vjp((input) => conv(input, w.ref), [x.ref])
    : jax.vjp((weight) => conv(x.ref, weight), [w.ref]);
  y.dispose();
  return {
    once: () => back(dY.ref)[0],
    order: toInput ? ORDER.toChannelsLast : ORDER.toOutputsLast,
    dispose() {
      back.dispose();
      for (const each of [x, w, dY]) each.dispose();
    },
  };
}
