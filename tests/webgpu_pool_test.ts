// This module runs in Deno only.
/** What the WebGPU backend keeps and forgets, on a device that only counts. */

import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { copyKernel } from "../kernels/elementwise.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { ErrorLog } from "../lib/backend/webgpu_errors.ts";
import { BufferPool } from "../lib/backend/webgpu_pool.ts";
import { ProgramCache } from "../lib/backend/webgpu_programs.ts";

/** A device of which only the parts exist that make and destroy. */
function fakeDevice(): { device: GPUDevice; destroyed: () => number } {
  let destroyed = 0;
  const parts = {
    limits: { minUniformBufferOffsetAlignment: 256 },
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
    const kernel = programs.prepare(copyKernel as unknown as Kernel);
    const { groups } = programs.layout(kernel, 0);
    const [kept, small, large] = [pool.take(16), pool.take(16), pool.take(32)];
    const first = programs.bind(kernel, [kept, small]);
    const second = programs.bind(kernel, [kept, large]);
    assert.deepEqual([groups.find([kept, small]), groups.find([kept, large])], [first, second]);
    assert.equal(groups.find([small, kept]), undefined);
    assert.deepEqual([groups.size, kept.boundIn.size], [2, 2]);
    pool.give(small); // fits under the cap
    assert.deepEqual([groups.size, destroyed()], [2, 0]);
    pool.give(large); // does not: what lay idle longest goes, then this one too
    assert.deepEqual([groups.size, kept.boundIn.size, destroyed()], [0, 0, 2]);
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
