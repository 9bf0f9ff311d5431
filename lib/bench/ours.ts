// This module is browser compatible.
/** This project's ops as a contestant. */

import type { Backend, StorageType } from "../backend/backend.ts";
import { copied } from "../ops/copy.ts";
import { add, conv2d, filled, matmul, sigmoid, transpose, zeros } from "../ops/mod.ts";
import { type Recording, withTape } from "../record.ts";
import { scope } from "../scope.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { prepareCaption } from "./caption.ts";
import type { Contestant, Runner, Work } from "./contestant.ts";
import { prepareDecoderStep } from "./decoder_step.ts";
import { checkResult } from "./expected.ts";
import { prepareStep } from "./step.ts";
import { convShapes, type ConvWork, inputsOf, type KernelWork, shapesOf } from "./work.ts";

/** Ours on a backend, which it closes in the end. */
export function ourContestant(
  backend: Backend,
  { threads, blas }: { readonly threads?: number; readonly blas?: boolean } = {},
): Contestant {
  return {
    device: backend.name === "cpu" ? "cpu" : "webgpu",
    threads,
    blas,
    precision: backend.halves ? "f16" : undefined,
    prepare: (work, seed) => Promise.resolve(prepare(backend, work, seed)),
    close: () => backend.close(),
  };
}

/** On a backend with half floats all inputs are stored so, and what the ops make as they do. */
function prepare(backend: Backend, work: Work, seed: number): Runner | undefined {
  if (work.kind === "step") return prepareStep(backend, work);
  if (work.kind === "decoder step") return prepareDecoderStep(backend, work);
  if (work.kind === "caption") return prepareCaption(backend, work);
  if (backend.halves && work.kind === "elementwise") return undefined; // the copy that is measured is of f32
  return prepareKernel(backend, work, seed);
}

/** Makes one kernel's work ready: through the ops, as models run it. */
function prepareKernel(backend: Backend, work: KernelWork, seed: number): Runner {
  const { inputs, output } = shapesOf(work);
  const type = backend.halves ? "f16" : "f32";
  const numbers = inputsOf(work, seed).map((data) => type === "f16" ? data.map(Math.f16round) : data);
  const tensors = numbers.map((data, i) =>
    tensor(backend, data, { shape: inputs[i], type, label: `input ${i}` })
  );
  const probe = tensor(backend, [0]);
  const { once, own } = kernelOnce(work, tensors);
  // Memory is reused: a kernel that does nothing must not find a right result there.
  scope(() => {
    for (const each of new Set<StorageType>([type, "f32"])) {
      filled(backend, output, NaN, { type: each });
    }
  });
  let result: Tensor | undefined;
  return {
    async run(times) {
      for (let i = 0; i < times; i++) {
        result?.dispose();
        result = scope(once);
      }
      await probe.read(); // comes after all that was recorded before it
    },
    async check() {
      return result ? checkResult(work, numbers, await result.read(), result.type) : "nothing has run";
    },
    dispose() {
      for (const each of [...tensors, ...own, probe, result]) each?.dispose();
    },
  };
}

interface Once {
  readonly once: () => Tensor;
  /** Tensors beside the inputs that it needs. */
  readonly own: readonly Tensor[];
}

function kernelOnce(work: KernelWork, [a, b]: readonly Tensor[]): Once {
  const simple = (once: () => Tensor): Once => ({ once, own: [] });
  if (work.kind === "matmul") return simple(() => matmul(a, b, { transposeB: work.transposeB }));
  if (work.kind === "conv2d") {
    return work.pass === "forward" ? simple(() => conv2d(a, b, work)) : convGradient(work, [a, b]);
  }
  if (work.op === "add") return simple(() => add(a, b));
  if (work.op === "sigmoid") return simple(() => sigmoid(a));
  if (work.op === "transpose") return simple(() => transpose(a, [1, 0]));
  return simple(() => copied(a, a.shape, { label: "copy" }));
}

/** The gradient alone: the forward runs once, and its entry on the tape is asked again and again. */
function convGradient(work: ConvWork, [first, second]: readonly Tensor[]): Once {
  const { x: xShape, weight: weightShape } = convShapes(work);
  const toInput = work.pass === "input gradient";
  const { backend, type } = first;
  const constant = zeros(backend, toInput ? xShape : weightShape, { type });
  const [dY, x, weight] = toInput ? [first, constant, second] : [second, first, constant];
  const recording: Recording = { tape: [], tracked: new Set([x, weight]), made: new Set() };
  const y = withTape(recording, () => conv2d(x, weight, work));
  const [{ backward }] = recording.tape;
  const once = () => backward([dY], [toInput, !toInput])[toInput ? 0 : 1]!;
  return { once, own: [y, constant] };
}
