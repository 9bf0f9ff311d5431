// This module runs in Deno only.
/**
 * What it costs two processes to take a step together: time, and bytes on the wire.
 *
 *     deno run -A tests/mpi_bench.ts
 *
 * Once through shared memory, once over TCP between two network namespaces (as root). The step is that of
 * `deno task bench --filter step`, 16 pictures in all, one thread each; medians and the fastest of several.
 */
import { openCpu } from "../lib/backend/cpu.ts";
import { median } from "../lib/bench/race.ts";
import { benchConfig, STEP_RECIPE, STEP_WORK, stepBatch } from "../lib/bench/step_work.ts";
import { openCommunicator } from "../lib/deno/mpi.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { Communicator } from "../lib/train/communicator.ts";
import { Team } from "../lib/train/team.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { Job, RANKS, TwoMachines } from "./mpirun.ts";

const STEPS = 12;
const SUMS = 12;
/** Numbers in a sum: a tenth of a ResNet-101 with its decoder, and all of it. */
const SIZES = [6_000_000, 60_000_000];

const self = ["run", "-A", new URL(import.meta.url).pathname, "rank"];

if (import.meta.main) {
  if (Deno.args[0] === "rank") await measure();
  else {
    console.log("through shared memory");
    await show(new Job([...RANKS(2), Deno.execPath(), ...self]));
    const dir = await Deno.makeTempDir();
    await using machines = await TwoMachines.make(dir);
    console.log("over TCP, two network namespaces");
    await show(machines.start(Deno.execPath(), ...self));
    await Deno.remove(dir, { recursive: true });
  }
}

async function show(job: Job): Promise<void> {
  const { output } = await job.end();
  console.log(output.trimEnd());
}

/** One of the processes. */
async function measure(): Promise<void> {
  const group = await openCommunicator();
  const say = group.rank === 0 ? console.log : () => {};
  for (const syncBatchNorm of [false, true]) await measureSteps(group, { syncBatchNorm, say });
  for (const size of SIZES) {
    const numbers = new Float32Array(size);
    const times = Array.from({ length: SUMS }, () => timed(() => group.sum(numbers)));
    say(`  sum of ${(size * 4 / 1e6).toFixed(0)} MB: ${told(times)}`);
  }
  group.close();
}

async function measureSteps(
  group: Communicator,
  { syncBatchNorm, say }: { readonly syncBatchNorm: boolean; readonly say: (line: string) => void },
): Promise<void> {
  const backend = await openCpu({ threads: 1 });
  let [inSums, calls, bytes] = [0, 0, 0];
  const counted: Communicator = {
    ...group,
    sum(data) {
      inSums += timed(() => group.sum(data));
      calls++;
      bytes += data.byteLength;
    },
  };
  const model = new CaptionModel(backend, benchConfig(STEP_WORK.size, 0.5), { words: STEP_WORK.words });
  const team = new Team(counted, backend, { syncBatchNorm });
  const trainer = new Trainer(model, STEP_RECIPE, { team });
  const batch = stepBatch(STEP_WORK);
  trainer.step(batch);
  [inSums, calls, bytes] = [0, 0, 0];
  const before = sentBytes();
  const times = Array.from({ length: STEPS }, () => timed(() => void trainer.step(batch)));
  const sent = (sentBytes() - before) / STEPS;
  const each = (x: number) => x / STEPS;
  say(
    `  step${syncBatchNorm ? " with shared statistics" : ""}: ${told(times)}, of which ${
      each(inSums).toFixed(1)
    } ms ` +
      `in ${each(calls)} sums of ${
        (each(bytes) / 1e6).toFixed(3)
      } MB in all (${model.parameters.count} parameters)` +
      (sent > 0 ? `; ${(sent / 1e6).toFixed(3)} MB left this process' interface` : ""),
  );
  trainer.dispose();
  team.dispose();
  model.dispose();
  backend.close();
}

function timed(fn: () => void): number {
  const from = performance.now();
  fn();
  return performance.now() - from;
}

function told(times: readonly number[]): string {
  return `${median(times).toFixed(1)} ms, at best ${Math.min(...times).toFixed(1)} ms`;
}

/** Bytes that left this namespace's interface, loopback excepted. */
function sentBytes(): number {
  let sum = 0;
  for (const { name } of Deno.readDirSync("/sys/class/net")) {
    if (!name.startsWith("vst")) continue; // the cables that TwoMachines made
    sum += Number(Deno.readTextFileSync(`/sys/class/net/${name}/statistics/tx_bytes`));
  }
  return sum;
}
