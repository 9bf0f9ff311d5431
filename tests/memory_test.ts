/** Memory: nothing is held longer than it is needed, on every backend. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { CpuEngine } from "../kernels/gemm/engine.ts";
import { valueAndGrad } from "../lib/autograd.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { add, filled, mean, relu, scale, square } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { backends } from "./devices.ts";

describe("memory", () => {
  it("is the same after step 2 and step 200, on every backend", async () => {
    for (const backend of backends) {
      const x = filled(backend, [64, 33], 0.5);
      const use = () => ({ live: Tensor.live, ...backend.memory() });
      let afterTwo: ReturnType<typeof use> | undefined;
      for (let step = 1; step <= 200; step++) {
        scope(() => void valueAndGrad([x], () => mean(square(relu(scale(add(x, x), 0.5))))));
        backend.flush();
        if (step === 2) afterTwo = use();
      }
      assert.deepEqual(use(), afterTwo, backend.description);
      await x.read(); // throws what the device has to complain of
      x.dispose();
    }
  });

  it("of the CPU keeps its numbers when it grows, shared between threads or not", async () => {
    for (const shared of [true, false]) {
      const backend = new CpuBackend({ engine: onlyMemory(shared), twinsOnly: true });
      const first = tensor(backend, [1, 2, 3]);
      const large = filled(backend, [8 << 20], 7); // 32 MiB
      const more = filled(backend, [8 << 20], 8);
      assert.deepEqual([...await first.read()], [1, 2, 3]);
      assert.deepEqual([(await large.read()).at(-1), (await more.read()).at(-1)], [7, 8]);
      const reserved = backend.memory().reservedBytes;
      large.dispose();
      more.dispose();
      scope(() => void filled(backend, [16 << 20], 9)); // fits into both together
      assert.equal(backend.memory().reservedBytes, reserved);
      first.dispose();
    }
  });
});

/** An engine that only has memory. */
function onlyMemory(shared: boolean): CpuEngine {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4096, shared });
  const engine: Partial<CpuEngine> = {
    memory,
    get bytes() {
      return memory.buffer.byteLength;
    },
    grow: (bytes) => memory.grow(Math.ceil(bytes / 65536)) * 65536,
    heapStart: 64,
    description: "memory",
  };
  return engine as CpuEngine; // no more is used
}
