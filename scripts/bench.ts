/**
 * Measures speed and memory: kernels, the training step, captioning, the loader. Every result is checked.
 *
 *     deno task bench
 *     deno task bench --filter matmul --peers
 *     deno run --allow-read --allow-write --allow-env=XDG_RUNTIME_DIR scripts/bench.ts
 *
 * Reads nothing; writes pictures and shards into a temporary folder that it removes. --peers installs other
 * libraries from npm (700 MB) on first use. Takes two minutes, with peers ten.
 */
import type { Contestant } from "../lib/bench/contestant.ts";
import { type DeviceChoice, openContestants, softwareAdapter } from "../lib/bench/devices.ts";
import { race } from "../lib/bench/race.ts";
import { namesLike, reportOf, worksNamed } from "../lib/bench/races.ts";
import { describeRace, type Peaks, type Report } from "../lib/bench/results.ts";
import {
  reportCost,
  reportMemory,
  reportPeaks,
  reportProfile,
  reportRecording,
  SECTION_NAMES,
} from "../lib/bench/sections.ts";
import { DEVICES } from "../lib/backend/open.ts";
import { benchLoader, LOADER_NAMES } from "../lib/deno/bench_loader.ts";
import { racePeers } from "../lib/deno/bench_peers.ts";
import { openPytorch } from "../lib/deno/bench_pytorch.ts";
import { openBlas } from "../lib/deno/blas.ts";
import { threadMs } from "../lib/deno/thread_clock.ts";
import { parseOptions, UsageError } from "../lib/deno/cli.ts";
import { DEVICE_OPTIONS } from "../lib/deno/device_options.ts";
import { quietGraphics } from "../lib/deno/open_device.ts";
import { runScript } from "../lib/deno/run_script.ts";

const DEVICE_LISTS = { cpu: ["cpu"], webgpu: ["webgpu"], auto: ["cpu", "webgpu"] } as const;

await runScript(async () => {
  const options = parseOptions(Deno.args, {
    device: {
      default: "auto",
      choices: DEVICES,
      description: "auto: the CPU, and the GPU where there is one",
    },
    filter: { placeholder: "NAME", description: "only what has this in its name" },
    threads: {
      type: "integer",
      min: 1,
      max: 16,
      description: "most threads; all is measured with one and with so many (default: the machine's)",
    },
    blas: DEVICE_OPTIONS.blas,
    precision: { ...DEVICE_OPTIONS.precision, description: "f16: races on the GPU with half floats too" },
    rounds: { default: 5, min: 1, description: "times everything is measured; the median counts" },
    peers: {
      default: false,
      description: "race with tfjs, jax-js, onnxruntime, PyTorch, numpy where they are",
    },
    reference: { placeholder: "DIR", description: "folder of PyTorch's bench_step.py, to race with it" },
    profile: { default: false, description: "a table of the time in each kernel of a training step" },
    json: { default: false, description: "print the figures as JSON on stdout" },
  }, {
    purpose: "Measures the speed of kernels, training, captioning and loading, and checks their results.",
    command: "deno task bench",
    examples: ["deno task bench --filter matmul --device cpu", "deno task bench --peers --json"],
  });
  const { filter = "", rounds, reference } = options;

  // 1. What is measured, on what.
  quietGraphics();
  const software = options.device === "cpu" ? undefined : await softwareAdapter();
  const choice: DeviceChoice = {
    devices: DEVICE_LISTS[options.device === "auto" && software === undefined ? "cpu" : options.device],
    threads: [...new Set([1, options.threads ?? navigator.hardwareConcurrency])],
    precision: options.precision,
  };
  if (options.precision === "f16" && !choice.devices.includes("webgpu")) {
    throw new UsageError("Cannot measure f16: it is for GPUs, there is none or --device cpu leaves it out");
  }
  const others = [...Object.values(SECTION_NAMES), ...LOADER_NAMES];
  const names = namesLike(filter, { others, hardware: software === false });
  if (names.length === 0) {
    throw new UsageError(
      `Cannot find "${filter}": parts of the bench are called matmul, conv, step, caption, loader …`,
    );
  }
  const most = Math.max(...choice.threads);
  const [onCpu, onWebgpu] = [choice.devices.includes("cpu"), choice.devices.includes("webgpu")];
  console.error(
    `measuring ${names.length} parts on ${
      choice.devices.map((device) =>
        device === "cpu" ? `cpu with ${choice.threads.join(" and ")} threads` : device
      ).join(" and ")
    }`,
  );

  // 2. One part after the other; each is printed when it is done.
  const reports: Report[] = [];
  const wants = (name: string) => names.includes(name);
  const add = (report: Report) => {
    reports.push(report);
    for (const line of report.lines) (options.json ? console.error : console.log)(line);
  };
  const races = worksNamed(names);
  let peaks: Peaks = new Map();
  if (races.length > 0 || wants(SECTION_NAMES.arithmetic) || wants(SECTION_NAMES.copy)) {
    const report = await reportPeaks(choice);
    ({ peaks } = report);
    add(report);
  }
  if (options.peers && races.length > 0) {
    const request = {
      ...choice,
      rounds,
      reference,
      blas: options.blas,
      names: races.map(({ name }) => name),
    };
    for await (const raced of racePeers(request)) {
      add(describeRace(worksNamed([raced.name])[0], raced, peaks));
    }
  } else if (races.length > 0) {
    const contestants: Contestant[] = await openContestants(choice, openBlas(options.blas));
    if (reference && onCpu) {
      for (const count of choice.threads) contestants.push(await openPytorch(reference, count));
    }
    for (const work of races) {
      add(describeRace(work, reportOf(work, await race(work, contestants, { rounds })), peaks));
    }
    for (const contestant of contestants) await contestant.close();
  }
  if (wants(SECTION_NAMES.recording) && onWebgpu) add(await reportRecording(threadMs));
  if (LOADER_NAMES.some(wants) && onCpu) add(await benchLoader(choice.threads));
  if (wants(SECTION_NAMES.memory)) {
    for (const device of choice.devices) add(await reportMemory(device, most));
  }
  if (wants(SECTION_NAMES.cost)) add(await reportCost(choice.devices[0], most));
  if (options.profile) {
    if (onCpu) { for (const count of choice.threads) add(await reportProfile("cpu", count)); }
    if (onWebgpu) add(await reportProfile("webgpu", undefined, options.precision === "f16"));
  }

  // 3. The verdict: a fast kernel that is wrong is no result.
  if (options.json) console.log(JSON.stringify(reports.flatMap(({ results }) => results)));
  const failures = reports.flatMap((report) => report.failures);
  for (const failure of failures) console.error(`FAILED ${failure}`);
  if (failures.length === 0) console.error("every result is right");
  return failures.length > 0 ? 1 : 0;
});
