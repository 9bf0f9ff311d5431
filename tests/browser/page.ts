// This module is browser compatible.
/** What runs in the page, called from outside by name: every WGSL file, every kernel case, and a caption. */

import { KERNELS } from "../../kernels/mod.ts";
import { sourceFile } from "../../lib/backend/webgpu_errors.ts";
import { openWebgpu } from "../../lib/backend/webgpu.ts";
import {
  type Backend,
  captionPixels,
  modelFromFile,
  openCpu,
  parseSafetensors,
  type Pixels,
  preprocess,
  type WrittenCaption,
} from "../../lib/mod.ts";
import { type CaseResult, KERNEL_CASES, runCase } from "../kernel_cases/mod.ts";

/** The devices of a page; the last as users have it, which tries whether texels are faster than buffers. */
export const PAGE_DEVICES = ["cpu", "webgpu", "webgpu by trial"] as const;

/** Whether kernels read their inputs from buffers, or all from texels. */
export type KernelInputs = "buffers" | "texels";

/** What the page offers, as `globalThis.checks`. */
export interface BrowserChecks {
  /** What the backends of {@linkcode PAGE_DEVICES} say they are. */
  devices(): Promise<string[]>;
  /** What the browser's WGSL compiler complains of: "kernels/x.wgsl:3:7 error: …"; nothing if all is well. */
  compile(): Promise<string[]>;
  /** Runs one of the kernel cases on WebGPU. */
  runCase(index: number, inputs: KernelInputs): Promise<CaseResult>;
  /** The captions of a picture by the model file at `url`, on each of {@linkcode PAGE_DEVICES}. */
  caption(url: string, picture: { width: number; height: number }): Promise<WrittenCaption[][]>;
}

/** A picture without a file: bytes by a formula, the same wherever it is computed. */
export function formulaPicture({ width, height }: { width: number; height: number }): Pixels {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * i + 7 * i + (i >> 5)) % 251);
  return { width, height, data };
}

/** Captions {@linkcode formulaPicture} with the model in `file`. */
export async function captionFormula(
  backend: Backend,
  file: Uint8Array,
  picture: { width: number; height: number },
): Promise<WrittenCaption[]> {
  const loaded = modelFromFile(backend, parseSafetensors(file, "the model"), "the model");
  const pixels = preprocess(formulaPicture(picture), loaded.model.config.preprocessing);
  const [captions] = await captionPixels(loaded, pixels, { beam: 3, maxLength: 12 });
  loaded.model.dispose();
  return captions;
}

async function compileAll(): Promise<string[]> {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter!.requestDevice(); // there is one, or openWebgpu() has failed
  const sources = new Map(
    KERNELS.flatMap((kernel) => [kernel, ...kernel.variants ?? []]).map((p) => [sourceFile(p), p.wgsl]),
  );
  const complaints = await Promise.all([...sources].map(async ([file, code]) => {
    const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
    return messages.map(({ type, lineNum, linePos, message }) =>
      `${file}:${lineNum}:${linePos} ${type}: ${message}`
    );
  }));
  device.destroy();
  return complaints.flat();
}

/** Makes `globalThis.checks`; a page loads this module and calls it. */
export function offerChecks(): void {
  const backends = Promise.all([openCpu(), openWebgpu({ texelLoads: Infinity }), openWebgpu()]);
  const fromTexels = openWebgpu({ texelLoads: 0 });
  const checks: BrowserChecks = {
    devices: async () => (await backends).map(({ description }) => description),
    compile: compileAll,
    async runCase(index, inputs) {
      const webgpu = inputs === "texels" ? await fromTexels : (await backends)[1];
      return await runCase(webgpu, KERNEL_CASES[index]);
    },
    async caption(url, picture) {
      const file = new Uint8Array(await (await fetch(url)).arrayBuffer());
      const captions: WrittenCaption[][] = [];
      for (const backend of await backends) captions.push(await captionFormula(backend, file, picture));
      return captions;
    },
  };
  Object.assign(globalThis, { checks });
}
