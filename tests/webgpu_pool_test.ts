// This module runs in Deno only.
/** What the WebGPU backend keeps and forgets, on a device that only counts. */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { fillKernel } from "../kernels/elementwise.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { ErrorLog } from "../lib/backend/webgpu_errors.ts";
import { BufferPool } from "../lib/backend/webgpu_pool.ts";
import { ProgramCache } from "../lib/backend/webgpu_programs.ts";

/** A device of which only the parts exist that make and destroy. */
function fakeDevice(): { device: GPUDevice; destroyed: () => number } {
  let destroyed = 0;
  const parts = {
    createBuffer: () => ({ destroy: () => destroyed++ }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createBindGroup: () => ({}),
  };
  return { device: parts as unknown as GPUDevice, destroyed: () => destroyed }; // the tests below use no more of it
}

describe("WebGPU memory", () => {
  it("forgets the bind groups of a buffer that it destroys, in all buffers they hold", () => {
    const { device, destroyed } = fakeDevice();
    const pool = new BufferPool(device, { current: 0 }, 16, 0);
    const programs = new ProgramCache(device, {} as GPUBuffer, new ErrorLog());
    const { layout } = programs.prepare(fillKernel as unknown as Kernel);
    const [kept, small, large] = [pool.take(16), pool.take(16), pool.take(32)];
    programs.bind(layout, "kept,small", [kept, small]);
    programs.bind(layout, "kept,large", [kept, large]);
    assert.deepEqual([layout.groups.size, kept.boundIn.size], [2, 2]);
    pool.give(small); // fits under the cap
    assert.deepEqual([layout.groups.size, destroyed()], [2, 0]);
    pool.give(large); // does not: what lay idle longest goes, then this one too
    assert.deepEqual([layout.groups.size, kept.boundIn.size, destroyed()], [0, 0, 2]);
    assert.equal(pool.reservedBytes, 16);
  });

  it("gives a loop the same buffers in every turn", () => {
    const pool = new BufferPool(fakeDevice().device, { current: 0 }, 1024, 0);
    const turn = () => {
      const taken = Array.from({ length: 4 }, () => pool.take(16));
      for (const i of [2, 0, 3, 1]) pool.give(taken[i]);
      return taken.map(({ id }) => id);
    };
    const first = turn();
    assert.deepEqual([turn(), turn()], [first, first]);
  });
});
