// This module runs in Deno only.
/** Training on several processes: the steps of one, the end of all where one fails, and the way on. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { mpiLaunch } from "../lib/deno/mpi.ts";
import { task, TINY, writeCoco } from "./commands.ts";
import { Job, lacksMpi, lacksNamespaces, RANKS, taskCommand, TwoMachines } from "./mpirun.ts";

let dir = "";

/** Flags of a run with dropout, whose last batch of an epoch has two rows; `more` come in place of those below. */
function run(out: string, ...more: string[]): string[] {
  const usual = { steps: STEPS, "checkpoint-every": 3, "log-every": 1, dropout: 0.4 };
  const flags = Object.entries(usual).filter(([name]) => !more.includes(`--${name}`))
    .flatMap(([name, value]) => [`--${name}`, `${value}`]);
  return [...TINY, "--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`]
    .concat("--data", `${dir}/data`, "--out", `${dir}/${out}`, flags, more);
}
const STEPS = 30;
const trainCommand = (...args: string[]) => taskCommand("train", ...args);

/** Flags of a self-critical run whose last batch of an epoch has one picture. */
function criticalRun(out: string, ...more: string[]): string[] {
  return ["--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`, "--device", "cpu"]
    .concat(
      "--data",
      `${dir}/data`,
      "--out",
      `${dir}/${out}`,
      "--batch",
      "5",
      "--steps",
      "9",
      "--warmup",
      "0",
    )
    .concat(
      "--learning-rate",
      "1e-3",
      "--log-every",
      "1",
      "--validate-every",
      "4",
      "--max-length",
      "8",
      more,
    );
}

/** Place of the norm in a reading. */
const NORM = 3;

/** What a run has logged. */
function logged(out: string) {
  const lines = Deno.readTextFileSync(`${dir}/${out}/metrics.jsonl`).trimEnd().split("\n");
  return lines.map((line) => JSON.parse(line));
}

/** Step, loss, cross entropy and norm of the gradient of each step. */
function readings(out: string): number[][] {
  return logged(out).filter(({ split }) => !split)
    .map(({ step, loss, crossEntropy, gradNorm }) => [step, loss, crossEntropy, gradNorm]);
}

/**
 * Asserts that a run's first steps are those of one process.
 *
 * @param tolerance Largest relative difference of losses; norms of the first ten steps may differ by ten times as much.
 * Measured on 10 steps: 2e-7 and 3e-5; losses on 30: 8e-6. Later norms say little: once a ReLU or a maximum has switched
 * over in one of the runs, they differ by up to a hundredth.
 */
function assertSame(out: string, steps: number, tolerance: number): void {
  const found = readings(out).slice(0, steps);
  const want = readings("alone").slice(0, steps);
  assert.equal(found.length, steps);
  const worst = [0, 0, 0, 0];
  found.forEach((row, i) =>
    row.forEach((value, j) => {
      if (j === NORM && i >= 10) return;
      worst[j] = Math.max(worst[j], Math.abs(value / want[i][j] - 1));
    })
  );
  ["step", "loss", "cross entropy", "norm"].forEach((name, j) =>
    assert.ok(
      worst[j] <= tolerance * (j === NORM ? 10 : 1),
      `${name} differs from that of one process by ${worst[j]}: ${found.map((row) => row[j])}`,
    )
  );
}

describe("how a process was started", () => {
  it("is read from what mpirun leaves in the environment, and not without it", () => {
    const of = (env: Record<string, string>) => mpiLaunch((name) => env[name]);
    assert.equal(of({}), undefined);
    const ompi = {
      OMPI_COMM_WORLD_SIZE: "8",
      OMPI_COMM_WORLD_LOCAL_RANK: "1",
      OMPI_COMM_WORLD_LOCAL_SIZE: "4",
    };
    assert.deepEqual(of(ompi), { kind: "Open MPI", size: 8, local: { rank: 1, size: 4 } });
    const mpich = { PMI_SIZE: "2", MPI_LOCALRANKID: "0", MPI_LOCALNRANKS: "2" };
    assert.deepEqual(of(mpich), { kind: "MPICH", size: 2, local: { rank: 0, size: 2 } });
  });

  it("explains where the library is missing", async () => {
    const probe = new URL("../lib/deno/mpi.ts", import.meta.url);
    const code = `const { openCommunicator } = await import("${probe}"); await openCommunicator();`;
    const args = ["eval", "--no-check", code]; // eval has all permissions
    const env = { OMPI_COMM_WORLD_SIZE: "2", SHOWTELL_MPI: "/nowhere/libmpi.so", NO_COLOR: "1" };
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, env }).output();
    assert.ok(!success);
    assert.match(
      new TextDecoder().decode(stderr),
      /Cannot join the other processes: Open MPI has started this one.*\/nowhere\/libmpi\.so.*apt install openmpi-bin/,
    );
  });
});

describe("train on several processes", { ignore: lacksMpi }, () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    await writeCoco(dir);
    const { code, stderr } = await task("train", ...run("alone"));
    assert.equal(code, 0, stderr);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("takes the steps of one: two and three, with dropout and shared statistics", async () => {
    for (const count of [2, 3]) { // three: one has no row of a batch of two
      const args = run(`team${count}`, "--sync-bn", "--steps", "12");
      const { code, output } = await new Job([...RANKS(count), ...trainCommand(...args)]).end();
      assert.equal(code, 0, output);
      assert.match(output, new RegExp(`rank 0 of ${count} on`));
      assertSame(`team${count}`, 10, 1e-5);
      assert.equal(output.match(/^step 1 /gm)?.length, 1, "only one speaks");
    }
  });

  it("takes the steps of one in self-critical training: the same captions drawn, the same rewards", async () => {
    const from = ["--from", `${dir}/alone/model.safetensors`];
    const features = ["--features", "on", "--features-type", "f32"]; // the others know the encoder from the first
    const RUNS = [
      { name: "samples", count: 2, flags: ["--baseline", "samples"] },
      { name: "greedy", count: 3, flags: ["--baseline", "greedy"] },
      { name: "frozen", count: 2, flags: ["--fine-tune", "none"], together: features },
    ];
    for (const { name, count, flags, together = [] } of RUNS) {
      const alone = await task("self-critical", ...criticalRun(`critical_${name}`, ...flags, ...from));
      assert.equal(alone.code, 0, alone.stderr);
      const args = criticalRun(`criticals_${name}`, ...flags, ...together, ...from);
      const { code, output } = await new Job([...RANKS(count), ...taskCommand("self-critical", ...args)])
        .end();
      assert.equal(code, 0, output);
      assert.equal(output.match(/^step 1 /gm)?.length, 1, "only one speaks");
      const [found, want] = ["criticals", "critical"].map((who) => logged(`${who}_${name}`));
      assert.ok(want.length >= 9 + 3 && found.length === want.length);
      for (const [i, line] of want.entries()) {
        for (const [name, value] of Object.entries<number>(line)) {
          if (/^(ms|imagesPerSecond|reward\w*Ms|split)$/.test(name)) continue;
          const scale = name === "loss" ? 1 : Math.max(Math.abs(value), 1e-3); // a loss lies around 0
          const off = Math.abs(found[i][name] - value) / scale;
          // Measured on 9 steps: norms 5e-6, losses and cross entropies 3e-7, rewards and scores 0.
          const most = name === "gradNorm" ? 1e-4 : 3e-6;
          assert.ok(
            off < most,
            `${count} processes: ${name} of step ${line.step} is ${found[i][name]}, not ${value}`,
          );
        }
      }
    }
    assert.equal([...Deno.readDirSync(`${dir}/data/features`)].length, 1, "one encoder, one cache");
  });

  it("ends all where one fails, with its rank, machine and reason", async () => {
    const other = JSON.parse(Deno.readTextFileSync(`${dir}/captions.json`));
    other.annotations[0].caption = "Something else.";
    Deno.writeTextFileSync(`${dir}/other.json`, JSON.stringify(other));
    const [, ...mine] = [...RANKS(1), ...trainCommand(...run("failed"))];
    const theirs = trainCommand(...run("failed")).map((word) => word.replace("captions.json", "other.json"));
    const { code, output } = await new Job(["-np", ...mine, ":", "-np", "1", ...theirs]).end();
    assert.equal(code, 1);
    assert.match(
      output,
      /rank 1 of 2 on \S+: Cannot train together: the data here are \w+, those of rank 0 are \w+/,
    );
  });

  it("goes back together when the loss explodes, until that is of no use", async () => {
    const args = run("exploded", "--learning-rate", "1e30", "--checkpoint-every", "1");
    const { code, output } = await new Job([...RANKS(2), ...trainCommand(...args)]).end();
    assert.equal(code, 1);
    assert.equal(output.match(/Going back from step 4 to step 1/g)?.length, 3, output);
    assert.match(output, /rank 0 of 2 on \S+: Cannot go on training: .* not finite in 3 steps in a row/);
  });

  it("stops behind the same step when one is told to, and goes on with another number of processes", async () => {
    const args = run("stopped", "--sync-bn");
    const job = new Job([...RANKS(2), ...trainCommand(...args)]);
    await job.says(/^step 4 /m);
    job.signal("SIGUSR2"); // which mpirun passes on
    const { code, output } = await job.end();
    assert.equal(code, 130, output);
    const [, step] = /interrupted at step (\d+) of 30, saved at \1;/.exec(output) ?? assert.fail(output);
    assert.ok(Number(step) >= 4 && Number(step) < STEPS);
    const alone = await task("train", ...run("stopped", "--resume"));
    assert.equal(alone.code, 0, alone.stderr);
    assertSame("stopped", STEPS, 1e-4);
  });

  it("ends with the rank's name when one is killed on another machine, and resumes", {
    ignore: lacksNamespaces,
  }, async () => {
    await using machines = await TwoMachines.make(dir);
    const pid = `echo $$ > ${dir}/pid$OMPI_COMM_WORLD_RANK; exec "$0" "$@"`;
    const start = (...more: string[]) =>
      machines.start("sh", "-c", pid, ...trainCommand(...run("killed", "--sync-bn", ...more)));
    const job = start();
    await job.says(/^step 5 /m);
    Deno.kill(Number(Deno.readTextFileSync(`${dir}/pid1`)), "SIGKILL");
    const { code, output } = await job.end();
    assert.notEqual(code, 0);
    assert.match(output, new RegExp(`process rank 1 with PID \\d+ on node \\S+ exited on signal 9`));
    assert.ok(readings("killed").length < STEPS, "it ended before its last step");
    const resumed = await start("--resume").end();
    assert.equal(resumed.code, 0, resumed.output);
    assert.match(resumed.output, /resumed at step \d+ of 30/);
    assertSame("killed", STEPS, 1e-4);
  });
});
