// This module runs in Deno only.
/** TensorFlow.js as a contestant: its WebAssembly backend (one thread in Deno) and its WebGPU backend. */

import { type Contestant, isKernelWork, type Runner } from "../../lib/bench/contestant.ts";
import { checkResult } from "../../lib/bench/expected.ts";
import { convShapes, type ConvWork, inputsOf, type KernelWork, shapesOf } from "../../lib/bench/work.ts";
import { prepareTfjsStep } from "./tfjs_step.ts";
import type { Tfjs, TfTensor } from "./tfjs_types.ts";

// Not written where they are used: the product's own checks do not see the bench's imports.
const CORE = "@tensorflow/tfjs-core";
const WHOLE = "@tensorflow/tfjs"; // registers gradients in the core
const BACKENDS = { wasm: "@tensorflow/tfjs-backend-wasm", webgpu: "@tensorflow/tfjs-backend-webgpu" };

/** Opens one of the two. */
export async function openTfjs(name: "wasm" | "webgpu"): Promise<Contestant> {
  const tf = await import(CORE) as Tfjs;
  await import(WHOLE);
  const backend = await import(BACKENDS[name]) as {
    setWasmPaths?(folder: string): void;
  };
  if (name === "wasm") {
    const folder = new URL("./", import.meta.resolve(BACKENDS.wasm));
    backend.setWasmPaths?.(Deno.realPathSync(folder) + "/");
  }
  if (!await tf.setBackend(name)) {
    throw new Error(`Cannot open tfjs: its ${name} backend does not start`);
  }
  return {
    peer: "tfjs",
    device: name === "wasm" ? "cpu" : "webgpu",
    threads: name === "wasm" ? 1 : undefined,
    async prepare(work, seed) {
      await tf.setBackend(name);
      // Its WebAssembly backend has no kernels to train with, and its copies are views.
      const trains = work.kind === "step" || (work.kind === "conv2d" && work.pass === "weight gradient");
      if (trains && name === "wasm") return undefined;
      if (work.kind === "step") return await prepareTfjsStep(tf, work);
      if (!isKernelWork(work) || (work.kind === "elementwise" && work.op === "copy")) return undefined;
      return prepareKernel(tf, { name, work, seed });
    },
    close() {},
  };
}

function prepareKernel(
  tf: Tfjs,
  { name, work, seed }: {
    readonly name: string;
    readonly work: KernelWork;
    readonly seed: number;
  },
): Runner {
  const numbers = inputsOf(work, seed);
  const shapes = shapesOf(work).inputs;
  const inputs = numbers.map((data, i) => tf.tensor(data, shapes[i]));
  const once = kernelOnce(tf, work, inputs);
  let result: TfTensor | undefined;
  return {
    async run(times) {
      await tf.setBackend(name);
      for (let i = 0; i < times; i++) {
        result?.dispose();
        result = once();
      }
      const last = tf.slice(result!, result!.shape.map(() => 0), result!.shape.map(() => 1));
      await last.data(); // comes after all the others in the queue
      last.dispose();
    },
    async check() {
      return result ? checkResult(work, numbers, await result.data()) : "nothing has run";
    },
    dispose() {
      for (const each of [...inputs, result]) each?.dispose();
    },
  };
}

function kernelOnce(tf: Tfjs, work: KernelWork, [a, b]: readonly TfTensor[]): () => TfTensor {
  if (work.kind === "matmul") {
    return () => tf.matMul(a, b, false, work.transposeB);
  }
  if (work.kind === "conv2d") return convOnce(tf, work, [a, b]);
  if (work.op === "add") return () => tf.add(a, b);
  return work.op === "sigmoid" ? () => tf.sigmoid(a) : () => tf.transpose(a);
}

function convOnce(tf: Tfjs, work: ConvWork, [a, b]: readonly TfTensor[]): () => TfTensor {
  const { stride, padding: pad, pass } = work;
  if (pass === "forward") {
    return () => tf.conv2d(a, b, stride, pad, "NHWC", 1, "floor");
  }
  const { x, weight } = convShapes(work);
  const common = { strides: [stride, stride], pad, dataFormat: "NHWC", dimRoundingMode: "floor" };
  return pass === "input gradient"
    ? () => tf.engine().runKernel("Conv2DBackpropInput", { dy: a, filter: b }, { ...common, inputShape: x })
    : () =>
      tf.engine().runKernel("Conv2DBackpropFilter", { x: a, dy: b }, { ...common, filterShape: weight });
}
