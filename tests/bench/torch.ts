// This module runs in Deno only.
/** PyTorch's kernels as a contestant: `torch_kernels.py` at the other end of a pipe. */

import type { Contestant, Runner } from "../../lib/bench/contestant.ts";
import { checkResult } from "../../lib/bench/expected.ts";
import { inputsOf, type KernelWork, shapesOf } from "../../lib/bench/work.ts";
import { findTorch } from "../../lib/deno/bench_pytorch.ts";

const SCRIPT = new URL("./torch_kernels.py", import.meta.url).pathname;

/** Opens PyTorch with so many threads. */
export async function openTorchKernels(threads: number): Promise<Contestant> {
  const python = await findTorch();
  return {
    peer: "PyTorch",
    device: "cpu",
    threads,
    async prepare(work, seed) {
      if (work.kind !== "matmul" && work.kind !== "conv2d") return undefined;
      const talk = startPython(python);
      const request = { ...work, shapes: shapesOf(work).inputs };
      await talk.ask({ work: request, seed, threads });
      return runnerOf(work, seed, talk);
    },
    close() {},
  };
}

interface Answer {
  readonly ms?: number;
  readonly values?: string;
}

interface Talk {
  ask(message: unknown): Promise<Answer>;
  end(): void;
}

function runnerOf(work: KernelWork, seed: number, talk: Talk): Runner {
  return {
    run: async (times) => (await talk.ask({ times })).ms!,
    async check() {
      const { values } = await talk.ask({ result: true });
      const bytes = Uint8Array.from(atob(values!), (letter) => letter.charCodeAt(0));
      return checkResult(work, inputsOf(work, seed), new Float32Array(bytes.buffer));
    },
    dispose: () => talk.end(),
  };
}

function startPython(python: string): Talk {
  const process = new Deno.Command(python, {
    args: [SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const writer = process.stdin.getWriter();
  const reader = process.stdout.pipeThrough(new TextDecoderStream())
    .getReader();
  return {
    async ask(message) {
      await writer.write(new TextEncoder().encode(JSON.stringify(message) + "\n"));
      const parts: string[] = [];
      while (!parts.at(-1)?.endsWith("\n")) {
        const { value, done } = await reader.read();
        if (done) {
          throw new Error(`Cannot time PyTorch: its process ended with code ${(await process.status).code}`);
        }
        parts.push(value);
      }
      return JSON.parse(parts.join("")) as Answer;
    },
    end: () => void writer.close(), // its loop ends with its input
  };
}
