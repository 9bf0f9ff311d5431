// This module runs in Deno only.
/** `train` killed, its files damaged, its disk full, its loss exploding: it comes to the end it would have come to. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parseSafetensors } from "../lib/data/safetensors.ts";
import { hash32 } from "../lib/random.ts";
import { confinedTask, signalTask, task, TINY, watchTask, writeCoco } from "./commands.ts";

let dir = "";

/** Every step logged; validations, checkpoints and epochs (of six steps) out of step with one another. */
const RHYTHM = ["--log-every", "1", "--validate-every", "11", "--checkpoint-every", "3"];
const RUN = ["--steps", "40", "--learning-rate", "0.01", "--dropout", "0.3", ...RHYTHM];

function trainInto(out: string, ...more: string[]): string[] {
  return [...TINY, "--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`]
    .concat("--data", `${dir}/data`, "--out", `${dir}/${out}`, ...more);
}

const train = (out: string, ...more: string[]) => task("train", ...trainInto(out, ...more));

function criticalInto(out: string, ...more: string[]): string[] {
  return ["--annotations", `${dir}/captions.json`, "--images", `${dir}/photos`, "--device", "cpu"]
    .concat("--data", `${dir}/data`, "--out", `${dir}/${out}`, ...more);
}

/** The lines of a run's metrics without what the clock says. */
function metrics(out: string): string[] {
  const lines = Deno.readTextFileSync(`${dir}/${out}/metrics.jsonl`).trimEnd().split("\n");
  return lines.map((line) =>
    JSON.stringify(
      JSON.parse(line),
      (key, value) => /^(ms|imagesPerSecond|reward\w*Ms)$/.test(key) ? undefined : value,
    )
  );
}

/** Asserts that a run has written what another has, to the last bit. */
function assertSame(out: string, other: string): void {
  assert.deepEqual(metrics(out), metrics(other));
  for (const file of ["model.safetensors", "checkpoint.safetensors", "checkpoint.previous.safetensors"]) {
    const [found, wanted] = [out, other].map((name) => Deno.readFileSync(`${dir}/${name}/${file}`));
    assert.ok(
      found.length === wanted.length && found.every((byte, i) => byte === wanted[i]),
      `${file} differs`,
    );
  }
}

function metadata(path: string): Record<string, string> {
  return { ...parseSafetensors(Deno.readFileSync(`${dir}/${path}`), path).metadata };
}

/** A step line between two steps, drawn from a seed. */
function lineOfStep(from: number, to: number, seed: number): RegExp {
  return new RegExp(`^step ${from + hash32(17, seed) % (to - from)} `, "m");
}

describe("nothing is lost", () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    await writeCoco(dir);
    const { code, stderr } = await train("whole", ...RUN);
    assert.equal(code, 0, stderr);
    assert.equal(metrics("whole").length, 40 + 4);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("when it is killed again and again, stopped, and its newest checkpoint cut off and bits of it flipped", async () => {
    const out = "killed";
    const newest = `${dir}/${out}/checkpoint.safetensors`;
    const go = (signal: Deno.Signal, when: RegExp, ...more: string[]) =>
      signalTask("train", trainInto(out, ...RUN, ...more), { signal, when });
    assert.equal((await go("SIGKILL", lineOfStep(2, 8, 1))).code, 137);
    const second = await go("SIGKILL", lineOfStep(10, 16, 2), "--resume");
    assert.match(second.stderr, /^process \d+ left its run in .* without an end: killed, it seems$/m);

    await Deno.truncate(newest, 100_000 + hash32(17, 3) % 900_000);
    const third = await go("SIGTERM", lineOfStep(17, 22, 4), "--resume");
    assert.match(third.stderr, /checkpoint\.safetensors: it is cut off: .*; going on from .*previous/);
    assert.equal(third.code, 130);

    const bytes = await Deno.readFile(newest);
    const at = hash32(17, 5) % bytes.length;
    bytes[at] ^= 1 << hash32(17, 6) % 8;
    await Deno.writeFile(newest, bytes);
    await Deno.writeTextFile(`${dir}/${out}/metrics.jsonl`, '{"step":22,"lo', { append: true }); // half a line
    const fourth = await go("SIGKILL", lineOfStep(24, 30, 7), "--resume");
    assert.match(
      fourth.stderr,
      new RegExp("Cannot read .*checkpoint\\.safetensors: .*; going on from .*previous"),
    );
    const { code, stderr } = await train(out, ...RUN, "--resume");
    assert.equal(code, 0, stderr);
    assertSame(out, "whole");
  });

  it("when the disk is full: it says so, keeps the last checkpoint, and goes on once there is room", async () => {
    await Deno.mkdir(`${dir}/small`);
    const tight = await new Deno.Command("mount", {
      args: ["-t", "tmpfs", "-o", "size=13m", "tmpfs", `${dir}/small`],
      stderr: "null",
    }).output().catch(() => ({ success: false })); // no such command, or not for this user
    let full;
    let step: number;
    try {
      if (tight.success) full = await train("small/run", ...RUN); // two checkpoints fit in, no third beside them
      else {
        await signalTask("train", trainInto("small/run", ...RUN), { signal: "SIGKILL", when: /^step 9 /m });
        full = await confinedTask(2000, "train", ...trainInto("small/run", ...RUN, "--resume"));
      }
      assert.equal(full.code, 1);
      const message =
        /Cannot write .*: (the disk is full|larger files are not allowed here) .*; the checkpoint of step (\d+) is whole: /;
      assert.match(full.stderr, message);
      step = Number(message.exec(full.stderr)![2]);
      assert.equal(JSON.parse(metadata("small/run/checkpoint.safetensors").run).step, step);
      if (tight.success) {
        const more = ["-o", "remount,size=64m", `${dir}/small`];
        assert.ok((await new Deno.Command("mount", { args: more }).output()).success);
      }
      const { code, stderr } = await train("small/run", ...RUN, "--resume");
      assert.equal(code, 0, stderr);
      assert.match(stderr, new RegExp(`^resumed at step ${step} of 40`, "m"));
      assertSame("small/run", "whole");
    } finally {
      if (tight.success) await new Deno.Command("umount", { args: [`${dir}/small`] }).output();
    }
  });

  it("when the loss explodes: it goes back with half the learning rate, says so, and can be killed meanwhile", async () => {
    const run = ["--steps", "30", "--learning-rate", "3", ...RHYTHM];
    const whole = await train("exploding", ...run);
    assert.equal(whole.code, 0, whole.stderr);
    const told =
      /^warning: the loss has exploded: the cross entropy was above .* in 10 steps in a row; at step 11 it was/m;
    assert.match(whole.stderr, told);
    assert.match(
      whole.stderr,
      /Going back from step 11 to step 0 with half the learning rate \(2 of 3 times\)$/m,
    );
    const events = metrics("exploding").map((line) => JSON.parse(line)).filter(({ event }) =>
      event === "rollback"
    );
    assert.deepEqual(
      events.map((
        { step, from, rollbacks, learningRateFactor },
      ) => [step, from, rollbacks, learningRateFactor]),
      [[0, 11, 1, 0.5], [0, 11, 2, 0.25]],
    );
    assert.deepEqual(
      metrics("exploding").map((line) => JSON.parse(line).learningRate).filter((rate) => rate !== undefined),
      new Array(30).fill(0.75),
    );
    const { recipe } = JSON.parse(metadata("exploding/model.safetensors").showtell);
    assert.deepEqual(recipe.rollbacks.map(({ from, to }: { from: number; to: number }) => [from, to]), [[
      11,
      0,
    ], [11, 0]]);

    const again = (signal: Deno.Signal, when: RegExp, ...more: string[]) =>
      signalTask("train", trainInto("exploding2", ...run, ...more), { signal, when });
    const odd = await again("SIGINT", /^step 5 /m);
    assert.match(odd.stderr, /^the loss is odd at step \d+: the checkpoint of step 0 stays the newest$/m);
    await again("SIGKILL", /1 of 3 times\)\n(.*\n)*?step 6 /, "--resume");
    await again("SIGKILL", /^step 16 /m, "--resume");
    const { code, stderr } = await train("exploding2", ...run, "--resume");
    assert.equal(code, 0, stderr);
    assertSame("exploding2", "exploding");
  });

  it("of self-critical training either", async () => {
    const run = (out: string, ...more: string[]) =>
      criticalInto(out, "--steps", "14", "--batch", "4", ...RHYTHM, ...more);
    const from = ["--from", `${dir}/whole/model.safetensors`];
    const whole = await task("self-critical", ...run("critical", ...from));
    assert.equal(whole.code, 0, whole.stderr);
    const when = lineOfStep(4, 9, 8);
    await signalTask("self-critical", run("critical2", ...from), { signal: "SIGKILL", when });
    const { code, stderr } = await task("self-critical", ...run("critical2", "--resume"));
    assert.equal(code, 0, stderr);
    assertSame("critical2", "critical");
  });

  it("when two are started in one folder: the second is told who is there", async () => {
    let second: Promise<{ code: number; stderr: string }> | undefined;
    const first = await watchTask("train", trainInto("both", ...RUN), {
      when: /^step 1 /m,
      async then(child) {
        second = train("both", ...RUN, "--fresh");
        const { code, stderr } = await second;
        assert.equal(code, 1);
        assert.match(
          stderr,
          new RegExp(`Cannot start a run in .*both: process ${child.pid} is running one there, .* --out`),
        );
      },
    });
    assert.equal(first.code, 0, first.stderr);
    assert.deepEqual(metrics("both"), metrics("whole"));
  });

  it("by going on too long: it ends where captions get no better, and stays ended", async () => {
    const run = ["--val-share", "0.7", "--steps", "400", "--learning-rate", "0.01", "--validate-every", "10"]
      .concat("--early-stop", "3", "--log-every", "10", "--dropout", "0");
    const { code, stderr } = await train("early", ...run, "--json");
    assert.equal(code, 0, stderr);
    const [, at, best] =
      /^stopped early at step (\d+): CIDEr-D has not risen above \S+ in 3 validations; the best model is that of step (\d+)$/m
        .exec(stderr) ?? assert.fail(stderr);
    assert.ok(Number(at) < 400 && Number(best) <= Number(at));
    const validations = metrics("early").map((line) => JSON.parse(line)).filter(({ split }) =>
      split === "val"
    );
    const highest = validations.toSorted((a, b) => b.CIDEr - a.CIDEr || a.crossEntropy - b.crossEntropy)[0];
    const model = JSON.parse(metadata("early/model.safetensors").showtell);
    assert.deepEqual([model.step, model.scores.CIDEr], [highest.step, highest.CIDEr]);
    assert.equal(model.recipe.bestBy, "cider");
    assert.ok(highest.CIDEr > 0);
    const again = await train("early", ...run, "--resume");
    assert.equal(again.code, 0);
    assert.match(
      again.stderr,
      new RegExp(`resumed at step ${at} of 400 .*\n(.*\n)*stopped early at step ${at}: `),
    );
    assert.doesNotMatch(again.stderr, /^step /m);
    const other = await train("early", ...run, "--resume", "--best-by", "cross-entropy");
    assert.match(other.stderr, /trained with bestBy "cider", this run has "cross-entropy"/);
  });

  it("by going on too long in self-critical training either", async () => {
    const still = ["--learning-rate", "1e-12", "--warmup", "0"]; // no caption changes
    const run = ["--val-share", "0.7", "--steps", "40", "--batch", "4", "--early-stop", "2", ...still]
      .concat("--validate-every", "3", "--log-every", "10");
    const from = ["--from", `${dir}/early/model.safetensors`];
    const { code, stderr } = await task("self-critical", ...criticalInto("early2", ...run, ...from));
    assert.equal(code, 0, stderr);
    const end =
      /^stopped early at step 6: CIDEr-D has not risen above \S+ in 2 validations; .* that of step 0$/m;
    assert.match(stderr, end);
    const again = await task("self-critical", ...criticalInto("early2", ...run, "--resume"));
    assert.equal(again.code, 0, again.stderr);
    assert.match(again.stderr, end);
    assert.doesNotMatch(again.stderr, /^step /m);
  });
});
