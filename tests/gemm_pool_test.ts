// This module runs in Deno only.
/** The engine's threads: the same bits for any number of them, and no hang when one fails. */

import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { openEngine } from "../kernels/gemm/mod.ts";
import { Workbench } from "./gemm_workbench.ts";

/** Everything that the engine can share between threads, on the same numbers each time. */
function results(bench: Workbench): Float32Array[] {
  const { engine } = bench;
  const written: Float32Array[] = [];
  const out = (length: number) => {
    written.push(bench.array(length));
    return written.at(-1)!;
  };
  const products = [
    { M: 200, N: 130, K: 700 },
    { M: 16, N: 700, K: 300 },
    { M: 16, N: 384, K: 515 },
    { M: 700, N: 4, K: 130 },
    { M: 65, N: 33, K: 17, batch: 5 },
  ];
  for (const { M, N, K, batch = 1 } of products) {
    for (const [transposeA, transposeB] of [[false, false], [true, false], [false, true]]) {
      const [a, b] = [bench.random(batch * M * K), bench.random(batch * K * N)];
      const strides = { strideA: M * K, strideB: K * N, strideC: M * N };
      engine.gemm({ a, b, c: out(batch * M * N), M, N, K, transposeA, transposeB, batch, ...strides });
    }
  }
  for (const [groups, stride] of [[1, 1], [1, 2], [2, 1], [32, 1]]) {
    const images = { batch: 3, inHeight: 21, inWidth: 19, inChannels: 32, outChannels: 32, groups };
    const [outHeight, outWidth] = [21, 19].map((size) => Math.floor((size - 1) / stride) + 1);
    const s = { ...images, outHeight, outWidth, kernelHeight: 3, kernelWidth: 3, stride, padding: 1 };
    const [inputs, outputs, weights] = [
      3 * 21 * 19 * 32,
      3 * outHeight * outWidth * 32,
      9 * 32 / groups * 32,
    ];
    const [x, weight, dY] = [bench.random(inputs), bench.random(weights), bench.random(outputs)];
    engine.conv2d({ x, weight, y: out(outputs) }, s);
    engine.conv2dBackwardInput({ dY, weight, dX: out(inputs) }, s);
    engine.conv2dBackwardWeight({ x, dY, dWeight: out(weights) }, s);
  }
  const n = 300_001;
  const x = bench.random(n);
  engine.loop("tanh", n, [x.byteOffset, out(n).byteOffset]);
  engine.loop("sum_squares", n, [x.byteOffset, out(31).byteOffset], 10_000);
  engine.loop("softmax", 300, [x.byteOffset, out(300_000).byteOffset, 1000, 0]);
  engine.loop("batch_norm_statistics", 3000, [x.byteOffset, out(24 * 2 * 100).byteOffset, 100], 128);
  return written;
}

/** Replaces the Worker class while `body` runs. */
async function withWorker<T>(replacement: unknown, body: () => Promise<T>): Promise<T> {
  const original = globalThis.Worker;
  globalThis.Worker = replacement as typeof Worker; // a stand-in that fails on purpose
  try {
    return await body();
  } finally {
    globalThis.Worker = original;
  }
}

describe("SIMD engine's threads", () => {
  for (const relaxed of [true, false]) {
    it(`give the same bits, 1, 2 or 3, ${relaxed ? "fused" : "separate"}`, async () => {
      const [one, ...others] = await Promise.all(
        [1, 2, 3].map((threads) => Workbench.open({ threads, relaxed })),
      );
      const want = results(one);
      for (const bench of others) {
        assert.equal(bench.engine.threads, bench === others[0] ? 2 : 3);
        for (let round = 0; round < 3; round++) {
          bench.restart();
          for (const [index, got] of results(bench).entries()) {
            const words = (array: Float32Array) => new Uint32Array(array.slice().buffer);
            assert.deepEqual(
              words(got),
              words(want[index]),
              `result ${index} of ${bench.engine.threads} threads`,
            );
          }
        }
      }
      for (const bench of [one, ...others]) bench.close();
    });
  }

  it("work on alone after close", async () => {
    const bench = await Workbench.open({ threads: 2 });
    bench.close();
    assert.equal(bench.engine.threads, 1);
    const [x, y] = [bench.random(200_000), bench.array(200_000)];
    bench.engine.loop("add", x.length, [x.byteOffset, x.byteOffset, y.byteOffset]);
    assert.equal(y[199_999], 2 * x[199_999]);
  });

  it("report a task that fails, and do not hang", async () => {
    // The last of the tasks writes past the memory. Chance decides which thread takes it, so try some times.
    for (let round = 0; round < 5; round++) {
      const bench = await Workbench.open({ threads: 2 });
      const { memory, heapStart } = bench.engine;
      const count = 4_000_000;
      const double = (address: number) => bench.engine.loop("scale", count, [address, address, 2]);
      const fails =
        /memory access out of bounds|Cannot run "loop scale": a worker failed in the middle of a job/;
      assert.throws(() => double(memory.buffer.byteLength - 4 * count + 64), fails);
      assert.throws(() => double(heapStart), /Cannot run "loop scale": (an earlier job|a worker) failed/);
      bench.close();
    }
  });

  it("fall back to one when workers do not start, and say so", async () => {
    const refuses = class {
      constructor() {
        throw new Error("no workers here");
      }
    };
    const engine = await withWorker(refuses, () => openEngine({ threads: 2 }));
    assert.equal(engine.threads, 1);
    assert.match(engine.description, /, 1 thread \(workers did not start: no workers here\)$/);
    const fails = class {
      onerror?: (event: { message: string; preventDefault(): void }) => void;
      postMessage(): void {
        queueMicrotask(() => this.onerror?.({ message: "it broke", preventDefault() {} }));
      }
      terminate(): void {}
    };
    const other = await withWorker(fails, () => openEngine({ threads: 4 }));
    assert.match(other.description, /, 1 thread \(workers did not start: it broke\)$/);
    for (const one of [engine, other]) one.close();
  });

  it("need no permission, and let a script end that forgets to close them", async () => {
    const module = new URL("../kernels/gemm/mod.ts", import.meta.url).href;
    const script = `import { openEngine } from "${module}";
      const engine = await openEngine({ threads: 2 });
      console.log(engine.threads);`;
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, script);
      const signal = AbortSignal.timeout(30_000);
      const command = new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--no-lock", path],
        signal,
      });
      const { code, stdout, stderr } = await command.output();
      assert.equal(new TextDecoder().decode(stdout).trim(), "2", new TextDecoder().decode(stderr));
      assert.equal(code, 0);
    } finally {
      await Deno.remove(path);
    }
  });

  it("refuse more threads than there can be", async () => {
    await assert.rejects(openEngine({ threads: 65 }), {
      name: "RangeError",
      message: "Cannot use 65 threads: at most 64 are possible",
    });
  });
});

describe("SIMD engine's memory", () => {
  it("grows, and views made before stay valid", async () => {
    const engine = await openEngine({ threads: 1 });
    const address = engine.grow(100_000);
    assert.ok(address >= engine.heapStart);
    const before = new Float32Array(engine.memory.buffer, address, 16);
    before.set([1, 2, 3, 4]);
    assert.equal(engine.grow(1 << 20), engine.bytes - (1 << 20));
    engine.gemm({ a: before, b: before, c: before, offsetC: 8, M: 2, N: 2, K: 2 });
    assert.deepEqual([...before.subarray(8, 12)], [7, 10, 15, 22]);
    engine.close();
  });

  it("explains when it cannot grow", async () => {
    const engine = await openEngine({ threads: 1, maximumMegabytes: 16 });
    assert.throws(() => engine.grow(32 << 20), {
      name: "RangeError",
      message: "Cannot grow the CPU memory by 32 MiB: it holds 8 MiB, the limit is 16 MiB",
    });
    engine.close();
    await assert.rejects(openEngine({ threads: 4, maximumMegabytes: 16 }), /Cannot open the CPU engine/);
  });
});
