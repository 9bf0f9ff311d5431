// This module runs in Deno only.
/** PyTorch's and numpy's kernels as contestants: `torch_kernels.py`, `numpy_kernels.py` at the other end of a pipe. */

import { type Contestant, isKernelWork, type Runner } from "../../lib/bench/contestant.ts";
import { checkResult } from "../../lib/bench/expected.ts";
import { inputsOf, type KernelWork, shapesOf } from "../../lib/bench/work.ts";
import { findPython } from "../../lib/deno/bench_pytorch.ts";

/** Opens PyTorch with so many threads. */
export async function openTorchKernels(threads: number): Promise<Contestant> {
  const source = { peer: "PyTorch", script: "torch_kernels.py", kinds: ["matmul", "conv2d"] };
  return contestant(source, await findPython("torch"), threads);
}

/** Opens numpy with so many threads of its BLAS. */
export async function openNumpy(threads: number): Promise<Contestant> {
  const source = { peer: "numpy", script: "numpy_kernels.py", kinds: ["matmul"] };
  return contestant(source, await findPython("numpy"), threads);
}

function contestant(
  { peer, script, kinds }: { peer: string; script: string; kinds: readonly string[] },
  python: string,
  threads: number,
): Contestant {
  return {
    peer,
    device: "cpu",
    threads,
    async prepare(work, seed) {
      if (!isKernelWork(work) || !kinds.includes(work.kind)) return undefined;
      const talk = startPython(python, new URL(script, import.meta.url).pathname);
      const request = { ...work, shapes: shapesOf(work).inputs };
      await talk.ask({ work: request, seed, threads });
      return runnerOf(work, seed, talk);
    },
    close() {},
  };
}

/**
 * Opens PyTorch's decoder step on a card of NVIDIA's.
 *
 * @throws {Error} If no Python has torch, or it sees no card.
 */
export async function openTorchDecoder(): Promise<Contestant> {
  const python = await findPython("torch");
  const check = "import sys, torch; sys.exit(not torch.cuda.is_available())";
  const { success } = await new Deno.Command(python, { args: ["-c", check], stderr: "null" }).output();
  if (!success) throw new Error("Cannot race with PyTorch on a card: its torch sees none");
  return {
    peer: "PyTorch",
    device: "cuda",
    async prepare(work) {
      if (work.kind !== "decoder step") return undefined;
      const talk = startPython(python, new URL("torch_decoder_step.py", import.meta.url).pathname);
      const { device } = await talk.ask({ work, device: "cuda" });
      console.error(`PyTorch computes on ${device}`);
      return {
        run: async (times) => (await talk.ask({ times })).ms!,
        async check() {
          const { loss } = await talk.ask({ result: true });
          const most = Math.log(work.words) + 1;
          return loss! > 0 && loss! < most
            ? undefined
            : `its loss is ${loss}, at most about ${most} is right`;
        },
        dispose: () => talk.end(),
      };
    },
    close() {},
  };
}

interface Answer {
  readonly device?: string;
  readonly loss?: number;
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

function startPython(python: string, script: string): Talk {
  const process = new Deno.Command(python, {
    args: [script],
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
          throw new Error(
            `Cannot time ${script}: its process ended with code ${(await process.status).code}`,
          );
        }
        parts.push(value);
      }
      return JSON.parse(parts.join("")) as Answer;
    },
    end: () => void writer.close(), // its loop ends with its input
  };
}
