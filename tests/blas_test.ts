// This module runs in Deno only.
/** The system's BLAS: when it is called, by which threads, how a script asks for it, and what is refused. */

import { describe, it } from "@std/testing/bdd";
import assert from "node:assert/strict";
import { type Blas, openEngine, type Sgemm } from "../kernels/gemm/mod.ts";
import { BLAS_PATHS, openBlas } from "../lib/deno/blas.ts";
import { checkSgemm } from "../lib/deno/blas_check.ts";
import { openDevice } from "../lib/deno/open_device.ts";
import { BLAS, Workbench } from "./gemm_workbench.ts";

/** A BLAS in plain loops, which goes to workers as its source. Word 0 behind `counter` counts its calls. */
function plainSgemm(memory: WebAssembly.Memory, counter: number): Sgemm {
  return (transposeA, transposeB, M, N, K, a, lda, b, ldb, beta, c, ldc) => {
    const floats = new Float32Array(memory.buffer);
    Atomics.add(new Int32Array(memory.buffer), counter / 4, 1);
    for (let m = 0; m < M; m++) {
      for (let n = 0; n < N; n++) {
        let sum = 0;
        for (let k = 0; k < K; k++) {
          sum += floats[a / 4 + (transposeA ? k * lda + m : m * lda + k)] *
            floats[b / 4 + (transposeB ? n * ldb + k : k * ldb + n)];
        }
        const at = c / 4 + m * ldc + n;
        floats[at] = beta ? floats[at] + sum : sum;
      }
    }
  };
}

/** A word that nothing else uses: in front of the engine's own. */
const COUNTER = 512;

function plainBlas(options: { shared: boolean }): Blas {
  return {
    name: "plain loops",
    open: (memory) => plainSgemm(memory, COUNTER),
    workerSource: options.shared ? `(memory) => (${plainSgemm})(memory, ${COUNTER})` : undefined,
  };
}

/** How often the library was called while `body` ran. */
function callsOf(bench: Workbench, body: () => void): number {
  const words = new Int32Array(bench.engine.memory.buffer);
  const before = Atomics.load(words, COUNTER / 4);
  body();
  return Atomics.load(words, COUNTER / 4) - before;
}

describe("A BLAS behind the engine", () => {
  for (const { shared, threads } of [{ shared: true, threads: 3 }, { shared: false, threads: 2 }]) {
    it(`gives the engine's results, ${shared ? "called by all threads" : "called by one thread"}`, async () => {
      const with_ = await Workbench.open({ threads, blas: plainBlas({ shared }) });
      const without = await Workbench.open({ threads: 1 });
      const products = [[150, 70, 130], [40, 300, 90], [9, 64, 64], [33, 35, 37]] as const;
      for (const [M, N, K] of products) {
        for (const beta of [0, 1] as const) {
          const results = [with_, without].map((bench) => {
            bench.restart();
            const [a, b, bias] = [bench.random(2 * M * K), bench.random(2 * K * N), bench.random(N)];
            const c = bench.random(2 * M * N);
            const calls = callsOf(bench, () =>
              bench.engine.gemm({
                ...{ a, b, c, M, N, K, beta, transposeB: true, batch: 2 },
                ...{ strideA: M * K, strideB: K * N, strideC: M * N },
                ...(beta === 1 ? {} : { bias }),
              }));
            return { c: c.slice(), calls };
          });
          const [{ c, calls }, { c: want }] = results;
          with_.assertNear(c, want, { tolerance: 1e-5, what: `c of ${M}x${N}x${K}, beta ${beta}` });
          assert.ok(shared ? calls >= 2 : calls === 2, `${calls} calls`);
        }
      }
      for (const bench of [with_, without]) bench.close();
    });
  }

  it("is called for what it is faster at alone", async () => {
    const bench = await Workbench.open({ threads: 1, blas: plainBlas({ shared: true }) });
    const calls = (M: number, N: number, K: number) => {
      bench.reset();
      const [a, b, c] = [bench.random(M * K), bench.random(K * N), bench.array(M * N)];
      return callsOf(bench, () => bench.engine.gemm({ a, b, c, M, N, K }));
    };
    assert.equal(calls(64, 64, 64), 1);
    assert.equal(calls(5, 1024, 256), 0); // beams of one picture: our tiles of few rows
    assert.equal(calls(8, 8, 8), 0); // the call costs more than the product
    assert.equal(calls(64, 64, 4), 0);
    assert.match(bench.engine.description, /^plain loops, /);
    bench.close();
  });

  it("stands on the device line", { ignore: BLAS === undefined }, async () => {
    const backend = await openDevice({ device: "cpu", blas: "on" });
    assert.match(backend.description, /^CPU \((OpenBLAS [\d.]+|Accelerate), .*SIMD/);
    backend.close();
    const off = await openDevice({ device: "cpu", blas: "off" });
    assert.doesNotMatch(off.description, /OpenBLAS|Accelerate/);
    off.close();
  });

  it("is asked for its right results before it is used", () => {
    const wrong: Blas = {
      name: "wrong",
      open: (memory) => {
        const right = plainSgemm(memory, COUNTER);
        return (transposeA, transposeB, ...others) => right(transposeB, transposeA, ...others);
      },
    };
    assert.throws(() => checkSgemm(wrong), /it computes .* where .* is right/);
    checkSgemm(plainBlas({ shared: false }));
  });

  it("cannot compute on a GPU", async () => {
    await assert.rejects(
      openDevice({ device: "webgpu", blas: "on" }),
      /leave out --blas on or --device webgpu/,
    );
  });
});

describe("--blas", () => {
  const script = (choice: string) => `
    import { openBlas } from "${new URL("../lib/deno/blas.ts", import.meta.url).href}";
    try { console.log(openBlas("${choice}")?.name ?? "none"); } catch (error) { console.log(error.message); }`;

  async function run(choice: string, flags: string[] = []): Promise<string> {
    const path = await Deno.makeTempFile({ suffix: ".ts" });
    try {
      await Deno.writeTextFile(path, script(choice));
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-prompt", "--no-lock", "--no-check", ...flags, path],
      }).output();
      return new TextDecoder().decode(stdout).trim() + new TextDecoder().decode(stderr);
    } finally {
      await Deno.remove(path);
    }
  }

  it("auto asks for nothing without permission, on explains", async () => {
    assert.equal(await run("auto"), "none");
    const message = await run("on");
    assert.match(message, /^Cannot use the system's BLAS: /);
    assert.match(
      message,
      Deno.build.os === "windows" ? /none is known/ : /run it with --allow-ffi=\/.*leave out --blas on/,
    );
  });

  it("works with the permission for the library alone", { ignore: BLAS === undefined }, async () => {
    const paths = Object.values(BLAS_PATHS).flat().map(({ path }) => path);
    assert.equal(await run("on", [`--allow-ffi=${paths.join(",")}`]), BLAS?.name);
  });

  it("off opens nothing", () => {
    assert.equal(openBlas("off"), undefined);
  });

  it("is permitted by the tasks that compute: library by library, never all", async () => {
    const { tasks } = JSON.parse(await Deno.readTextFile(new URL("../deno.json", import.meta.url)));
    const paths = Object.values(BLAS_PATHS).flat().map(({ path }) => path);
    for (
      const name of ["demo", "prepare", "train", "self-critical", "evaluate", "caption", "bench", "verify"]
    ) {
      const [, list = ""] = / --allow-ffi=(\S+)/.exec(tasks[name]) ?? [];
      assert.deepEqual(paths.filter((path) => !list.split(",").includes(path)), [], `task ${name}`);
    }
  });
});

it("A memory that is not shared keeps to the engine's own tiles", async () => {
  const original = globalThis.SharedArrayBuffer;
  try {
    Object.defineProperty(globalThis, "SharedArrayBuffer", { value: undefined, configurable: true });
    const engine = await openEngine({ blas: plainBlas({ shared: true }) });
    assert.doesNotMatch(engine.description, /plain loops/);
    engine.close();
  } finally {
    Object.defineProperty(globalThis, "SharedArrayBuffer", {
      value: original,
      configurable: true,
      writable: true,
    });
  }
});
