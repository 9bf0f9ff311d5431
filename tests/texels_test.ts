// This module runs in Deno only.
/** Buffers read as texels on software adapters: the WGSL made for it, and that texels never show old numbers. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { addInPlaceKernel, copyKernel } from "../kernels/elementwise.ts";
import type { Program } from "../kernels/kernel.ts";
import { KERNELS } from "../kernels/mod.ts";
import type { Storage } from "../lib/backend/backend.ts";
import { openWebgpu, type WebgpuBackend } from "../lib/backend/webgpu.ts";
import { texelBuffers, withTexels } from "../lib/backend/webgpu_texels.ts";
import { texelsAreFaster } from "../lib/backend/webgpu_texels_check.ts";
import { lacksAdapter } from "./devices.ts";

describe("WGSL for texels", () => {
  const program = (body: string) => `
    @group(0) @binding(1) var<storage, read> x: array<vec4f>; // x[0] is not code
    @group(0) @binding(2) var<storage, read> b: array<f32>;
    @group(0) @binding(3) var<storage, read> ids: array<u32>;
    @group(0) @binding(4) var<storage, read_write> y: array<f32>;
    fn main() { ${body} }`;
  const body = (text: string) =>
    /fn main\(\) \{ (.*) \}/.exec(withTexels(program(text), ["x", "b", "y"], 5))![1];

  it("reads by a function, one read inside the other too, and writes as before", () => {
    assert.equal(body("y[i] = x[j / 4u].z;"), "y[i] = texel_of_x(u32(j / 4u)).z;");
    assert.equal(body("s.x[0] = x[i][u32(b[2])];"), "s.x[0] = texel_of_x(u32(i))[u32(texel_of_b(u32(2)))];");
    assert.equal(
      body("y[i] += 2.0 * y[j]; if (y[i] == 1.0) { }"),
      "y[i] = texel_of_y(u32(i)) + (2.0 * texel_of_y(u32(j))); if (texel_of_y(u32(i)) == 1.0) { }",
    );
    const lines = withTexels(program(""), ["b", "y"], 5).split("\n");
    assert.match(lines[1], /var<storage, read> x: array<vec4f>; *$/);
    assert.match(lines[2], /binding\(2\) var texels_of_b: texture_2d<f32>;$/);
    assert.match(lines[4], /binding\(4\) var<storage, read_write> y: array<f32>;$/);
    assert.ok(lines.includes("@group(0) @binding(5) var texels_of_y: texture_2d<f32>;"), lines.join("\n"));
  });

  it("is for floats that nothing points to", () => {
    const inputs = ["x", "b", "ids"];
    assert.equal(texelBuffers(program(""), inputs), 0b011);
    assert.equal(texelBuffers(program("let p = &x[0];"), inputs), 0b010);
    assert.equal(texelBuffers(program("let b = 1.0;"), inputs), 0b001);
  });

  it("is refused where components are written", () => {
    assert.throws(
      () => withTexels(program("y[i].x = 1.0;"), ["y"], 5),
      /Cannot read y as texels: .* components/,
    );
    assert.throws(() => withTexels(program("y[i][j] += 1.0;"), ["y"], 5), /Cannot read y as texels/);
    assert.equal(body("z = y[i].x == 1.0;"), "z = texel_of_y(u32(i)).x == 1.0;");
  });

  it("is understood by every kernel's every program", { ignore: lacksAdapter }, async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice();
    let derived = 0;
    for (const kernel of KERNELS) {
      for (const { name, wgsl } of [kernel as Program, ...kernel.variants ?? []]) {
        const read = [...kernel.inputs, ...kernel.inPlace ?? []];
        const bits = texelBuffers(wgsl, read);
        const floats = read.filter((buffer) => new RegExp(`> ${buffer}: array<(f32|vec4f)>`).test(wgsl));
        assert.deepEqual(read.filter((_, i) => bits >> i & 1), floats, name);
        if (bits === 0) continue;
        const code = withTexels(wgsl, floats, 1 + kernel.inputs.length + kernel.outputs.length);
        const { messages } = await device.createShaderModule({ code }).getCompilationInfo();
        assert.deepEqual(messages.map(({ message }) => message), [], name);
        derived++;
      }
    }
    assert.ok(derived > 60, `${derived} programs`);
    device.destroy();
  });
});

/** A device whose programs that read texels are changed by `change`. */
async function changedDevice(change: (code: string) => string): Promise<GPUDevice> {
  const device = await (await navigator.gpu.requestAdapter())!.requestDevice();
  const { createShaderModule } = device;
  device.createShaderModule = (descriptor) => {
    const { code } = descriptor;
    return createShaderModule.call(device, { ...descriptor, code: change(code) });
  };
  return device;
}

describe("the trial of texels", { ignore: lacksAdapter }, () => {
  /** Loops that change no number: a fraction is never 2. */
  const slower = (code: string) =>
    code.replace(
      "  y[id.x] = sum;",
      `  var w = 0.5;
      for (var k = 0u; k < 32u * min(loads.x, 1024u); k++) {
        ${"w = fract(1.37 * w + sum.x);".repeat(16)}
      }
      if (w == 2.0) { y[0] = sum; }
      y[id.x] = sum;`,
    );
  const readsTexels = (code: string) => code.includes("texture_2d");
  let devices = 0;
  const verdict = async (change: (code: string) => string) => {
    const device = await changedDevice(change);
    const answer = await texelsAreFaster(device, `device ${devices++} of this test`);
    device.destroy();
    return answer;
  };

  it("takes what is faster", async () => {
    assert.equal(await verdict((code) => readsTexels(code) ? slower(code) : code), false);
    assert.equal(await verdict((code) => readsTexels(code) ? code : slower(code)), true);
  });

  it("takes no texels that are not read, or read wrong", async () => {
    const buffersAreSlow = (ofTexels: (code: string) => string) => (code: string) =>
      readsTexels(code) ? ofTexels(code) : slower(code);
    assert.equal(await verdict(buffersAreSlow(() => "nonsense")), false);
    assert.equal(
      await verdict(buffersAreSlow((code) => code.replace("vec2u(i %", "vec2u((i + 1u) %"))),
      false,
    );
  });

  it("remembers what it found, but not that a device failed", async () => {
    const lost = await changedDevice((code) => code);
    lost.destroy();
    assert.equal(await texelsAreFaster(lost, "an adapter"), false);
    const device = await changedDevice((code) => readsTexels(code) ? code : slower(code));
    assert.equal(await texelsAreFaster(device, "an adapter"), true);
    device.destroy();
    assert.equal(await texelsAreFaster(lost, "an adapter"), true);
  });

  it("decides how a software adapter is opened, and no other", async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const { description, isFallbackAdapter } = adapter!.info;
    const device = await adapter!.requestDevice();
    const faster = isFallbackAdapter && await texelsAreFaster(device, description);
    device.destroy();
    const backend = await openWebgpu();
    assert.equal(backend.texelLoads < Infinity, faster);
    backend.close();
  });
});

describe("inputs read as texels", { ignore: lacksAdapter }, () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = await openWebgpu({ texelLoads: 0, poolBytes: 1 << 16 });
  });
  afterAll(() => backend.close());

  const upload = (data: ArrayLike<number>) => {
    const storage = backend.alloc(data.length);
    backend.write(storage, data);
    return storage;
  };
  const copy = (x: Storage) => {
    const y = backend.alloc(x.length);
    backend.run(copyKernel, { x, y }, { count: x.length, x_offset: 0, y_offset: 0 });
    return y;
  };

  it("are the buffer's bits, whatever its length, infinities and tiny numbers among them", async () => {
    const special = [0, -0, Infinity, -Infinity, NaN, 2 ** -149, 2 ** -126, 3.4028234663852886e38, -1 / 3];
    for (const length of [1, 4, 5, 1023 * 4, 1024 * 4, 1024 * 4 + 1, 2048 * 4, 5000 * 4 + 3]) {
      const numbers = Float32Array.from(
        { length },
        (_, i) => special[i] ?? Math.sin(i) * 10 ** (i % 60 - 30),
      );
      const x = upload(numbers);
      const y = copy(x);
      const bits = (values: ArrayLike<number>) => new Uint32Array(Float32Array.from(values).buffer);
      const [got, want] = [bits(await backend.read(y)), bits(numbers)];
      assert.equal(got.findIndex((word, i) => word !== want[i]), -1, `of ${length}`);
      for (const storage of [x, y]) backend.free(storage);
    }
  });

  it("follow every write: the host's, a kernel's, and of those that have the buffer after", async () => {
    const numbers = (first: number) => Float32Array.from({ length: 6000 }, (_, i) => first + i);
    const x = upload(numbers(0));
    const results = [copy(x)];
    backend.write(x, [-1], 5998);
    results.push(copy(x)); // the host has written
    const one = upload(new Float32Array(6000).fill(1));
    backend.run(addInPlaceKernel, { y: x, x: one }, { count: 6000 });
    results.push(copy(x)); // a kernel has, in the same submission
    backend.free(x);
    const next = upload(numbers(100)); // x's buffer
    results.push(copy(next));
    const last = (await Promise.all(results.map((y) => backend.read(y)))).map((y) => [y[5998], y[5999]]);
    assert.deepEqual(last, [[5998, 5999], [-1, 5999], [0, 6000], [6098, 6099]]);
    for (const storage of [...results, one, next]) backend.free(storage);
  });

  it("are filled again where the submission that should have filled them failed", async () => {
    const params = { count: 4, x_offset: 0, y_offset: 0 };
    const [x, y] = [upload([1, 2, 3, 4]), backend.alloc(4)];
    backend.run(copyKernel, { x, y }, params);
    assert.deepEqual([...await backend.read(y)], [1, 2, 3, 4]);
    backend.write(x, [5, 6, 7, 8]);
    backend.run(copyKernel, { x, y }, params); // fills x's texels, in a submission that is refused
    backend.run({ ...copyKernel, name: "bad", wgsl: "nonsense" }, { x, y }, params);
    await assert.rejects(backend.read(y), /Cannot compile kernel "bad"/);
    backend.run(copyKernel, { x, y }, params);
    assert.deepEqual([...await backend.read(y)], [5, 6, 7, 8]);
    for (const storage of [x, y]) backend.free(storage);
  });

  it("are freed with their buffers, and count in the pool", async () => {
    const x = upload(new Float32Array(40_000)); // above the pool's cap: destroyed once it is freed
    const y = copy(x);
    assert.equal((await backend.read(y))[0], 0);
    const held = backend.memory().reservedBytes;
    const destroy = mock.method(GPUTexture.prototype, "destroy");
    backend.free(x);
    backend.flush();
    destroy.mock.restore();
    assert.ok(destroy.mock.callCount() >= 1, "a texture is destroyed");
    assert.ok(held - backend.memory().reservedBytes >= 2 * 160_000, "more than it and the whole pool");
    backend.free(y);
  });
});
