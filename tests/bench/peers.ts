// This module runs in Deno only.
/** The races with peers, in a process of their own with the bench's imports: see `lib/deno/bench_peers.ts`. */

import { openContestants } from "../../lib/bench/devices.ts";
import type { Contestant } from "../../lib/bench/contestant.ts";
import { race } from "../../lib/bench/race.ts";
import { type PeersRequest, reportOf, worksNamed } from "../../lib/bench/races.ts";
import { REPORT } from "../../lib/deno/bench_peers.ts";
import { openBlas } from "../../lib/deno/blas.ts";
import { openPytorch } from "../../lib/deno/bench_pytorch.ts";
import { openJax } from "./jax.ts";
import { openOnnxruntime } from "./onnxruntime.ts";
import { openTfjs } from "./tfjs.ts";
import { openNumpy, openTorchDecoder, openTorchKernels } from "./python_kernels.ts";

const request = JSON.parse(Deno.args[0]) as PeersRequest; // written by the process that started this one
const { devices, threads, precision, names, reference, rounds, blas } = request;

const contestants: Contestant[] = await openContestants({ devices, threads, precision }, openBlas(blas));
const onCpu = devices.includes("cpu");
const onWebgpu = devices.includes("webgpu");
await join("tfjs wasm", onCpu, () => openTfjs("wasm"));
await join("tfjs webgpu", onWebgpu, () => openTfjs("webgpu"));
await join("jax-js wasm", onCpu, () => openJax("wasm"));
await join("jax-js webgpu", onWebgpu, () => openJax("webgpu"));
await join("PyTorch on a card", onWebgpu, openTorchDecoder);
for (const count of threads) {
  await join("onnxruntime", onCpu, () => openOnnxruntime(count));
  await join("PyTorch", onCpu, () => openTorchKernels(count));
  await join("numpy", onCpu, () => openNumpy(count));
  if (reference) {
    await join("PyTorch's reference", onCpu, () => openPytorch(reference, count));
  }
}

for (const work of worksNamed(names)) {
  console.log(REPORT + JSON.stringify(reportOf(work, await race(work, contestants, { rounds }))));
}
for (const contestant of contestants) await contestant.close();
Deno.exit(0); // some peers keep timers or threads alive

/** Adds a peer, or says why it does not take part. */
async function join(name: string, wanted: boolean, open: () => Promise<Contestant>): Promise<void> {
  if (!wanted) return;
  try {
    contestants.push(await open());
  } catch (error) {
    console.error(`without ${name}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
  }
}
