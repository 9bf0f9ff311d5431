// This module runs in Deno only.
/** onnxruntime-node as a contestant: native code on the CPU. It runs models and does not train: no weight gradients. */

import { type Contestant, isKernelWork, type Runner } from "../../lib/bench/contestant.ts";
import { checkResult } from "../../lib/bench/expected.ts";
import { inputsOf, type KernelWork, shapesOf } from "../../lib/bench/work.ts";
import { ORDER, permuted, type Shaped } from "./layouts.ts";
import { type OneNode, oneNodeModel } from "./onnx_model.ts";

// Not written where it is used: the product's own checks do not see the bench's imports.
const ONNXRUNTIME = "onnxruntime-node";

interface OrtTensor {
  readonly data: Float32Array;
}

/** The part of the library that the bench calls. */
interface Ort {
  readonly Tensor: new (type: "float32", data: Float32Array, shape: readonly number[]) => OrtTensor;
  readonly InferenceSession: {
    create(
      model: Uint8Array,
      options: {
        intraOpNumThreads: number;
        interOpNumThreads: number;
        logSeverityLevel: number;
      },
    ): Promise<{
      run(feeds: Record<string, OrtTensor>): Promise<Record<string, OrtTensor>>;
      release(): Promise<void>;
    }>;
  };
}

/** Opens it with so many threads. */
export async function openOnnxruntime(threads: number): Promise<Contestant> {
  const module = await import(ONNXRUNTIME) as { default: Ort };
  return {
    peer: "onnxruntime",
    device: "cpu",
    threads,
    async prepare(work, seed) {
      if (!isKernelWork(work)) return undefined;
      return await prepareKernel(module.default, { work, seed, threads });
    },
    close() {},
  };
}

/** A work in ONNX's terms. */
interface Plan {
  readonly node: OneNode;
  readonly inputs: readonly Shaped[];
  /** The result's order of axes for channels last. */
  readonly order?: readonly number[];
}

async function prepareKernel(
  ort: Ort,
  { work, seed, threads }: {
    readonly work: KernelWork;
    readonly seed: number;
    readonly threads: number;
  },
): Promise<Runner | undefined> {
  const numbers = inputsOf(work, seed);
  const plan = planOf(work, numbers);
  if (!plan) return undefined;
  const session = await ort.InferenceSession.create(oneNodeModel(plan.node), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const feeds = Object.fromEntries(
    plan.inputs.map(({ data, shape }, i) => [`x${i}`, new ort.Tensor("float32", data, shape)]),
  );
  let result: Float32Array | undefined;
  return {
    async run(times) {
      for (let i = 0; i < times; i++) {
        result = (await session.run(feeds)).y.data;
      }
    },
    check() {
      if (!result) return Promise.resolve("nothing has run");
      const { node: { output }, order } = plan;
      return Promise.resolve(
        checkResult(work, numbers, order ? permuted(result, output, order).data : result),
      );
    },
    dispose: () => void session.release(),
  };
}

function planOf(work: KernelWork, numbers: readonly Float32Array[]): Plan | undefined {
  const { inputs: shapes, output } = shapesOf(work);
  const given = numbers.map((data, i): Shaped => ({ data, shape: shapes[i] }));
  const plain = (type: string, attributes: OneNode["attributes"] = {}): Plan => ({
    node: { type, inputs: shapes, output, attributes },
    inputs: given,
  });
  if (work.kind === "matmul") {
    return work.transposeB ? plain("Gemm", { transB: 1 }) : plain("MatMul");
  }
  if (work.kind === "elementwise") {
    if (work.op === "transpose") return plain("Transpose", { perm: [1, 0] });
    return work.op === "copy" ? undefined : plain(work.op === "add" ? "Add" : "Sigmoid");
  }
  if (work.pass === "weight gradient") return undefined;
  const { stride, padding, kernel, size } = work;
  const [a, b] = given;
  const inputs = [
    permuted(a.data, a.shape, ORDER.toChannelsFirst),
    permuted(b.data, b.shape, ORDER.toOutputsFirst), // Conv's [Cout, Cin], which is ConvTranspose's [Cin, Cout]
  ];
  const attributes = {
    strides: [stride, stride],
    pads: [padding, padding, padding, padding],
    kernel_shape: [kernel, kernel],
  };
  const first = output.length === 4 ? ORDER.toChannelsFirst.map((axis) => output[axis]) : output;
  const toInput = work.pass === "input gradient";
  const node: OneNode = {
    type: toInput ? "ConvTranspose" : "Conv",
    inputs: inputs.map(({ shape }) => shape),
    output: first,
    attributes: toInput ? { ...attributes, output_padding: leftOver(size, work) } : attributes,
  };
  return { node, inputs, order: ORDER.toChannelsLast };
}

/** Rows and columns that no window of the forward began at. */
function leftOver(
  size: number,
  { kernel, stride, padding }: {
    kernel: number;
    stride: number;
    padding: number;
  },
) {
  const rest = (size + 2 * padding - kernel) % stride;
  return [rest, rest];
}
