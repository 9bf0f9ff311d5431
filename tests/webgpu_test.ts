// This module runs in Deno only.
/** The WebGPU backend: order, memory, and errors that say what to do. */

import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { defineKernel } from "../kernels/kernel.ts";
import { openWebgpu, type WebgpuBackend } from "../lib/backend/webgpu.ts";
import { IN_CI } from "./fixtures.ts";

const adapter = await navigator.gpu?.requestAdapter() ?? undefined;
const lacksAdapter = !IN_CI && !adapter;

/** y = factor · x + shift, one workgroup for 64 elements. */
const scaleKernel = defineKernel({
  name: "test_scale",
  wgsl: `
    struct Params { count: u32, factor: f32, shift: i32 }
    @group(0) @binding(0) var<uniform> params: Params;
    @group(0) @binding(1) var<storage, read> x: array<f32>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(64)
    fn main(@builtin(global_invocation_id) id: vec3u) {
      if (id.x < params.count) { y[id.x] = params.factor * x[id.x] + f32(params.shift); }
    }`,
  inputs: ["x"],
  outputs: ["y"],
  params: { count: "u32", factor: "f32", shift: "i32" },
  workgroups: ({ count }) => [Math.ceil(count / 64), 1, 1],
  cpu({ x, y }, { count, factor, shift }) {
    for (let i = 0; i < count; i++) y[i] = factor * x[i] + shift;
  },
});

const COUNT = 100;
const POOL_BYTES = 1 << 20;

describe("WebGPU backend", { ignore: lacksAdapter }, () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = await openWebgpu({ poolBytes: POOL_BYTES });
  });
  afterAll(() => backend.close());

  const numbers = (first: number, step = 1) =>
    Float32Array.from({ length: COUNT }, (_, i) => first + step * i);
  const upload = (data: ArrayLike<number>) => {
    const storage = backend.alloc(data.length);
    backend.write(storage, data);
    return storage;
  };
  const scale = (x: ReturnType<typeof upload>, factor: number, shift = 0) => {
    const y = backend.alloc(COUNT);
    backend.run(scaleKernel, { x, y }, { count: COUNT, factor, shift });
    return y;
  };

  it("says what it runs on", () => {
    assert.equal(backend.name, "webgpu");
    assert.equal(backend.traits.software, adapter!.info.isFallbackAdapter);
    assert.match(backend.description, /^WebGPU \(.+\)$/);
  });

  it("gives every dispatch its own parameters, of all three types", async () => {
    const x = upload(numbers(1));
    const results = Array.from({ length: 50 }, (_, i) => scale(x, 0.5 * i, -i));
    for (const [i, y] of results.entries()) {
      assert.equal((await backend.read(y))[3], 0.5 * i * 4 - i);
      backend.free(y);
    }
    backend.free(x);
  });

  it("writes after the kernels before and ahead of the kernels after", async () => {
    const x = upload(numbers(0));
    const before = scale(x, 2);
    backend.write(x, numbers(100));
    const after = scale(x, 2);
    backend.write(x, [-1], 7);
    const last = scale(x, 2);
    assert.deepEqual(
      (await Promise.all([before, after, last].map((y) => backend.read(y)))).map((y) => [y[6], y[7]]),
      [[12, 14], [212, 214], [212, -2]],
    );
    for (const storage of [x, before, after, last]) backend.free(storage);
  });

  it("reads what was there when it was asked, while later work goes on", async () => {
    const x = upload(numbers(0));
    const ring: Promise<ArrayLike<number>>[] = [];
    for (let step = 1; step <= 6; step++) {
      const y = scale(x, step);
      ring.push(backend.read(y)); // as a training loop reads its losses
      backend.free(y); // its buffer is the next step's
    }
    assert.deepEqual((await Promise.all(ring)).map((y) => y[1]), [1, 2, 3, 4, 5, 6]);
    backend.free(x);
  });

  it("keeps whole numbers whole in u32 storage", async () => {
    const storage = backend.alloc(3, "u32");
    backend.write(storage, [4294967295, 16777217, 0]);
    const got = await backend.read(storage);
    assert.ok(got instanceof Uint32Array);
    assert.deepEqual([...got], [4294967295, 16777217, 0]);
    backend.free(storage);
  });

  it("reuses freed memory, and destroys what exceeds the cap", async () => {
    const start = backend.memory();
    const x = upload(numbers(0));
    scale(x, 1);
    let reserved = 0;
    for (let step = 0; step < 200; step++) {
      const y = scale(x, step);
      backend.free(y);
      if (step === 2) reserved = backend.memory().reservedBytes;
    }
    assert.equal(backend.memory().reservedBytes, reserved, "the same after step 2 and step 200");

    const large = Array.from({ length: 8 }, (_, i) => backend.alloc(2 ** 16 + 4 * i)); // 8 sizes of 256 KiB
    assert.equal(backend.memory().storages, start.storages + 2 + 8);
    for (const storage of large) backend.free(storage);
    backend.flush();
    const { bytes, reservedBytes, peakBytes } = backend.memory();
    assert.ok(reservedBytes - bytes <= POOL_BYTES + 2 ** 21, `${reservedBytes} reserved for ${bytes} in use`);
    assert.ok(peakBytes >= 8 * 2 ** 18);
    assert.equal((await backend.read(scale(x, 3)))[5], 15, "and computes as before");
  });

  it("destroys a buffer only after the work recorded on it", async () => {
    const x = upload(numbers(1));
    const big = backend.alloc(2 ** 18 + 64); // above the pool's cap: evicted as soon as it is freed
    backend.run(scaleKernel, { x, y: big }, { count: COUNT, factor: 3, shift: 0 });
    const y = backend.alloc(COUNT);
    backend.run(scaleKernel, { x: big, y }, { count: COUNT, factor: 1, shift: 1 });
    backend.free(big);
    assert.equal((await backend.read(y))[0], 4);
    backend.free(x);
    backend.free(y);
  });

  it("records more dispatches than its parameter buffer holds", async () => {
    const [x, y] = [upload(numbers(1)), backend.alloc(COUNT)];
    for (let i = 0; i < 33_000; i++) backend.run(scaleKernel, { x, y }, { count: 1, factor: i, shift: 0 });
    assert.equal((await backend.read(y))[0], 32_999);
    backend.free(x);
    backend.free(y);
  });

  it("names the file and line of WGSL that does not compile", async () => {
    const wgsl = scaleKernel.wgsl.replace("params.factor *", "params.factr *");
    const broken = { ...scaleKernel, name: "test_broken:variant", wgsl };
    const [x, y] = [upload(numbers(0)), backend.alloc(COUNT)];
    const params = { count: COUNT, factor: 1, shift: 0 };
    backend.run(broken, { x, y }, params);
    await assert.rejects(
      backend.read(y),
      /^Error: Cannot compile kernel "test_broken:variant": kernels\/test_broken\.wgsl:8:\d+ /,
    );
    assert.throws(() => backend.run(broken, { x, y }, params), /kernels\/test_broken\.wgsl:8:/);
    backend.run(scaleKernel, { x, y }, params);
    assert.equal((await backend.read(y))[9], 9, "and the next kernel runs");
    backend.free(x);
    backend.free(y);
  });

  it("names the file of WGSL that does not fit its bindings", async () => {
    const wgsl = scaleKernel.wgsl.replace("storage, read> x", "storage, read_write> x");
    const [x, y] = [upload(numbers(0)), backend.alloc(COUNT)];
    backend.run({ ...scaleKernel, name: "test_misfit", wgsl }, { x, y }, {
      count: COUNT,
      factor: 1,
      shift: 0,
    });
    await assert.rejects(
      backend.read(y),
      /^Error: Cannot compile kernel "test_misfit": kernels\/test_misfit\.wgsl /,
    );
    backend.free(x);
    backend.free(y);
  });

  it("throws what the device reports at the next read, and goes on", async () => {
    const wgsl = scaleKernel.wgsl.replace("y: array<f32>", "y: array<f32, 5000>");
    const [x, y] = [upload(numbers(0)), backend.alloc(COUNT)];
    backend.run({ ...scaleKernel, name: "test_short", wgsl }, { x, y }, {
      count: COUNT,
      factor: 1,
      shift: 0,
    });
    await assert.rejects(
      backend.read(y),
      /^Error: Cannot trust what the GPU computed: it reported ".*test_short\)"/,
    );
    backend.run(scaleKernel, { x, y }, { count: COUNT, factor: 1, shift: 0 });
    assert.equal((await backend.read(y))[9], 9);
    backend.free(x);
    backend.free(y);
  });

  it("refuses one buffer that is both read and written", () => {
    const x = upload(numbers(0));
    assert.throws(
      () => backend.run(scaleKernel, { x, y: x }, { count: COUNT, factor: 1, shift: 0 }),
      /Cannot run test_scale: "x" and "y" are one buffer/,
    );
    backend.free(x);
  });

  it("refuses what the device cannot hold or count", () => {
    assert.throws(() => backend.alloc(2 ** 40), {
      name: "RangeError",
      message:
        /^Cannot allocate 1099511627776 elements, 4398046511104 bytes: this adapter binds at most \d+ bytes/,
    });
    assert.throws(() => backend.alloc(0), /RangeError: Cannot allocate 0 elements/);
    const [x, y] = [upload(numbers(0)), backend.alloc(COUNT)];
    assert.throws(
      () => backend.run(scaleKernel, { x, y }, { count: 64 * 65536, factor: 1, shift: 0 }),
      /RangeError: Cannot run test_scale(:texels)? with \[65536, 1, 1\] workgroups: each should be a whole number from 1 to 65535/,
    );
    assert.throws(
      () => backend.write(x, [1, 2], COUNT - 1),
      /RangeError: Cannot write 2 numbers at 99: the storage holds 100/,
    );
    backend.free(x);
    assert.throws(() => scale(x, 1), /Cannot run test_scale: x was freed or belongs to another backend/);
    assert.throws(() => backend.free(x), /Cannot free: the storage was freed/);
    backend.free(y);
  });

  it(
    "measures each program where asked to",
    { ignore: !adapter?.features.has("timestamp-query") },
    async () => {
      await assert.rejects(backend.profile(), /Cannot profile: open the backend with \{ profile: true \}/);
      const profiled = await openWebgpu({ profile: true });
      const [x, y] = [profiled.alloc(COUNT), profiled.alloc(COUNT)];
      for (let i = 0; i < 2100; i++) {
        profiled.run(scaleKernel, { x, y }, { count: COUNT, factor: 1, shift: 0 });
      }
      const [entry, ...others] = await profiled.profile();
      assert.deepEqual([entry.name, entry.count, others], ["test_scale", 2100, []]);
      assert.ok(entry.ms > 0 && entry.ms < 60_000, `${entry.ms} ms`);
      assert.deepEqual(await profiled.profile(), []);
      profiled.close();
    },
  );

  it("says why it no longer works once closed", async () => {
    const closed = await openWebgpu();
    const [x, y] = [closed.alloc(COUNT), closed.alloc(COUNT)];
    const pending = closed.read(x);
    closed.close();
    await assert.rejects(pending, /Cannot read: the backend was closed/);
    assert.throws(() => closed.alloc(1), /Cannot allocate memory: the backend was closed/);
    const params = { count: COUNT, factor: 1, shift: 0 };
    assert.throws(
      () => closed.run(scaleKernel, { x, y }, params),
      /Cannot run test_scale: the backend was closed/,
    );
  });
});
