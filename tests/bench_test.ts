// This module runs in Deno only.
/** The bench's own check: it must not report the speed of a kernel that does nothing, or something else. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Kernel } from "../kernels/kernel.ts";
import type { Backend, Storage } from "../lib/backend/backend.ts";
import { type CpuBackend, openCpu } from "../lib/backend/cpu.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { CAPTION_WORKS, type CaptionWork } from "../lib/bench/caption_work.ts";
import type { Contestant } from "../lib/bench/contestant.ts";
import { checkResult } from "../lib/bench/expected.ts";
import { measureStepMemory } from "../lib/bench/memory.ts";
import { ObservedBackend } from "../lib/bench/observed_backend.ts";
import { ourContestant } from "../lib/bench/ours.ts";
import { peakCopyKernel, peakFmaKernel } from "../lib/bench/peak.ts";
import { race, speedRatio } from "../lib/bench/race.ts";
import { namesLike, reportOf } from "../lib/bench/races.ts";
import { describeRace } from "../lib/bench/results.ts";
import { bendOf } from "../lib/bench/sections.ts";
import { STEP_WORK, type StepWork } from "../lib/bench/step_work.ts";
import { inputsOf, type KernelWork } from "../lib/bench/work.ts";
import { ORDER, permuted } from "./bench/layouts.ts";
import { backends, lacksAdapter } from "./devices.ts";

/** Ragged and small; the names of the kernels that must not fail unnoticed. */
const CONV = {
  kind: "conv2d",
  batch: 2,
  size: 7,
  inputs: 5,
  outputs: 6,
  kernel: 3,
  stride: 2,
  padding: 1,
} as const;
const FLAT = { kind: "elementwise", rows: 17, columns: 13 } as const;
const WORKS: readonly (KernelWork & { readonly kernels: readonly string[] })[] = [
  { kind: "matmul", name: "matmul", M: 7, N: 11, K: 5, transposeB: false, kernels: ["matmul"] },
  { kind: "matmul", name: "linear", M: 7, N: 11, K: 5, transposeB: true, kernels: ["matmul"] },
  { ...CONV, name: "conv", pass: "forward", kernels: ["conv2d"] },
  { ...CONV, name: "conv to input", pass: "input gradient", kernels: ["conv2d_backward_input"] },
  { ...CONV, name: "conv to weight", pass: "weight gradient", kernels: ["conv2d_backward_weight"] },
  { ...FLAT, name: "copy", op: "copy", kernels: ["copy"] },
  { ...FLAT, name: "add", op: "add", kernels: ["binary", "binary_flat"] },
  { ...FLAT, name: "sigmoid", op: "sigmoid", kernels: ["activation"] },
  { ...FLAT, name: "transpose", op: "transpose", kernels: ["strided_copy"] },
];
const QUICK = { rounds: 2, roundMs: 1 };

/** A backend on which some kernels do nothing, as a program does that failed to compile. */
class BrokenBackend extends ObservedBackend {
  constructor(inner: Backend, readonly broken: readonly string[]) {
    super(inner);
  }
  override run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void {
    if (!this.broken.includes(kernel.name)) super.run(kernel, buffers, params);
  }
}

describe("race()", () => {
  let cpu: CpuBackend;
  beforeAll(async () => {
    cpu = await openCpu({ threads: 1 });
  });
  afterAll(() => cpu.close());

  it("measures ours on every device, and finds every result right", async () => {
    const contestants = backends.map((backend) => ourContestant(backend));
    for (const work of WORKS) {
      for (const { ms, problem } of await race(work, contestants, QUICK)) {
        assert.equal(problem, undefined, work.name);
        assert.ok(ms.length === 2 && ms.every((time) => time > 0), work.name);
      }
    }
  });

  it("notices a kernel that does nothing, even after one that was right", async () => {
    for (const work of WORKS) {
      await race(work, [ourContestant(cpu)], QUICK); // leaves right results in memory that is used again
      const broken = ourContestant(new BrokenBackend(cpu, work.kernels), { threads: 1 });
      const outcomes = await race(work, [broken], QUICK);
      assert.match(outcomes[0].problem ?? "nothing was noticed", /is right$/, work.name);
      const { failures, results, lines } = describeRace(work, reportOf(work, outcomes), new Map());
      assert.equal(failures.length, 1);
      assert.deepEqual(results, []);
      assert.match(lines[1], /FAILED/);
    }
  });

  it(
    "finds what is stored in half floats right, and notices what is not",
    { ignore: lacksAdapter },
    async () => {
      const inner = await openWebgpu({ halves: true });
      for (const work of WORKS) {
        for (const broken of [[], work.kernels]) {
          const contestant = ourContestant(new BrokenBackend(inner, broken));
          assert.equal(contestant.precision, "f16");
          const [outcome] = await race(work, [contestant], QUICK);
          if (work.kind === "elementwise") assert.equal(outcome, undefined, "not a race in f16");
          else if (broken.length === 0) assert.equal(outcome.problem, undefined, work.name);
          else assert.match(outcome.problem!, /is right$/, work.name);
        }
      }
      inner.close();
    },
  );

  it("keeps large races for real GPUs and for who asks for nothing else", () => {
    const names = (filter: string, hardware: boolean) =>
      namesLike(filter, { others: ["step cost"], hardware });
    assert.deepEqual(names("Step", false), ["training step", "step cost"]);
    assert.deepEqual(names("step", true), ["training step", "step cost", "decoder training step"]);
    assert.deepEqual(names("decoder", false), ["decoder training step"]);
    assert.deepEqual(names("no such", true), []);
  });

  it("compares ours in both precisions with a peer's on the same card", () => {
    const entry = { device: "webgpu", ms: [2, 2, 2] } as const;
    const entries = [entry, { ...entry, precision: "f16", ms: [1, 1, 1] }, {
      peer: "PyTorch",
      device: "cuda",
      ms: [4, 4, 4],
    }] as const;
    const { lines, results } = describeRace(WORKS[0], { name: "matmul", entries }, new Map());
    assert.match(lines[2], /^ +webgpu \+ f16 /);
    assert.match(lines[3], /^ +PyTorch \(cuda\) .* ours 2\.00×, 4\.00× in f16$/);
    assert.deepEqual(results.map(({ name }) => name), ["matmul", "matmul, f16", "matmul"]);
  });

  it("notices a product without its last term", () => {
    const work = { kind: "matmul", name: "", M: 3, N: 4, K: 200, transposeB: false } as const;
    const [a, b] = inputsOf(work, 1);
    const product = (K: number) =>
      Float64Array.from({ length: 12 }, (_, i) => {
        let sum = 0;
        for (let k = 0; k < K; k++) sum += a[Math.floor(i / 4) * 200 + k] * b[k * 4 + i % 4];
        return sum;
      });
    assert.equal(checkResult(work, [a, b], product(200)), undefined);
    assert.match(checkResult(work, [a, b], product(199))!, /^number 0 is/);
    assert.equal(checkResult(work, [a, b], [1, 2]), "it has 2 numbers, 12 are right");
  });

  it("goes on when a contestant throws, and leaves out one that cannot do the work", async () => {
    const failing: Contestant = {
      peer: "failing",
      device: "cpu",
      prepare: () => Promise.reject(new Error("no such thing")),
      close() {},
    };
    const unable: Contestant = { peer: "unable", device: "cpu", prepare: async () => {}, close() {} };
    const outcomes = await race(WORKS[0], [failing, unable, ourContestant(cpu)], QUICK);
    assert.deepEqual(outcomes.map(({ problem, ms }) => [problem, ms.length]), [["no such thing", 0], [
      undefined,
      2,
    ]]);
  });
});

describe("the training step and captioning", () => {
  const step: StepWork = { ...STEP_WORK, batch: 2, size: 16, ids: 4, words: 40 };
  const caption: CaptionWork = { ...CAPTION_WORKS[1], pictures: 2, size: 16, length: 3, words: 40, beam: 2 };

  it("are right", async () => {
    for (const work of [step, caption]) {
      const [{ problem }] = await race(work, [ourContestant(backends[0])], QUICK);
      assert.equal(problem, undefined);
    }
  });

  it("are noticed when a kernel of theirs does nothing", async () => {
    const [cpu] = backends;
    const problemWith = async (work: StepWork | CaptionWork, kernel: string) =>
      (await race(work, [ourContestant(new BrokenBackend(cpu, [kernel]))], QUICK))[0].problem ??
        "not noticed";
    assert.match(await problemWith(step, "adam"), /^(step|the loss)/);
    assert.match(await problemWith(step, "max_pool2d_backward"), /^(step|the loss)/);
    assert.match(await problemWith(caption, "lstm_cell"), /score/);
  });
});

describe("what the bench holds results against", () => {
  it("computes its peaks as the twins say, on every device", async () => {
    const [count, steps] = [130, 3];
    const numbers = Float32Array.from({ length: 4 * count }, (_, i) => i);
    const twin = new Float32Array(count);
    const params = { count, steps, factor: 0.999, shift: 0.5 };
    peakFmaKernel.cpu({ y: twin }, params);
    for (const backend of backends) {
      const [x, y] = [backend.alloc(4 * count), backend.alloc(4 * count)];
      backend.write(x, numbers);
      backend.run(peakCopyKernel, { x, y }, { count });
      assert.deepEqual(await backend.read(y), numbers);
      backend.run(peakFmaKernel, { y }, params);
      const sums = await backend.read(y);
      twin.forEach((right, i) =>
        assert.ok(Math.abs(sums[i] - right) <= 1e-5 * right, `${i}: ${sums[i]}, ${right}`)
      );
      for (const storage of [x, y]) backend.free(storage);
    }
  });

  it("counts a step's memory", () => {
    const { peak, parameters, gradients, optimiser, activations, ratio } = measureStepMemory(backends[0], {
      ...STEP_WORK,
      batch: 2,
      ids: 4,
    });
    assert.equal(gradients, 4 * 2_098_081);
    assert.equal(parameters, gradients + 8 * (32 + 64 + 128 + 256)); // and running means and variances
    assert.ok(optimiser >= 2 * gradients && optimiser < 2.01 * gradients);
    assert.ok(activations > 0 && peak > parameters + optimiser + gradients);
    assert.ok(ratio <= 1.25, `${ratio}`);
  });

  it("tells a straight line from a bent one, and a ratio from rounds", () => {
    assert.ok(bendOf([1, 2, 4], [5, 7, 11]) < 1e-9);
    assert.ok(bendOf([1, 2, 4, 8], [1, 4, 16, 64]) > 0.1);
    assert.equal(speedRatio([1, 2, 10], [2, 4, 5]), 2);
  });
});

describe("peers", () => {
  it("get channels first and give them back", () => {
    const x = Float32Array.from({ length: 2 * 3 * 4 * 5 }, (_, i) => i);
    const first = permuted(x, [2, 3, 4, 5], ORDER.toChannelsFirst);
    assert.deepEqual(first.shape, [2, 5, 3, 4]);
    assert.equal(first.data[((1 * 5 + 4) * 3 + 2) * 4 + 1], ((1 * 3 + 2) * 4 + 1) * 5 + 4);
    assert.deepEqual(permuted(first.data, first.shape, ORDER.toChannelsLast).data, x);
    const weight = permuted(x, [2, 3, 4, 5], ORDER.toOutputsFirst);
    assert.deepEqual(permuted(weight.data, weight.shape, ORDER.toOutputsLast).data, x);
  });
});

describe("bench", () => {
  it("prints figures alone on stdout with --json", async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--allow-read", "--no-prompt", "scripts/bench.ts"],
        ...["--device", "cpu", "--threads", "1", "--rounds", "1", "--filter", "linear 16x256x1024", "--json"],
      ],
      cwd: new URL("../", import.meta.url).pathname,
      stderr: "null",
    }).output();
    assert.equal(code, 0);
    const results = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, unknown>[];
    assert.deepEqual(results.map(({ name }) => name), [
      "peak arithmetic, 1 thread",
      "peak copy, 1 thread",
      "linear 16x256x1024, 1 thread",
    ]);
    const { value, ...rest } = results[2];
    assert.ok((value as number) > 0);
    assert.deepEqual(rest, {
      name: "linear 16x256x1024, 1 thread",
      device: "cpu",
      unit: "GFLOP/s",
      higherIsBetter: true,
      peer: null,
    });
  });
});
