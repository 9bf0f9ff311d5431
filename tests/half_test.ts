// This module runs in Deno only.
/** Storage of half floats: the WGSL made for it, what it keeps of numbers, and training with it. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Program } from "../kernels/kernel.ts";
import { KERNELS } from "../kernels/mod.ts";
import { valueAndGrad } from "../lib/autograd.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { openWebgpu, type WebgpuBackend } from "../lib/backend/webgpu.ts";
import { withHalves } from "../lib/backend/webgpu_half.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { batchNorm, conv2d, linear, maxPool2d, mean, relu, sum } from "../lib/ops/mod.ts";
import { uniformAt } from "../lib/random.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { lacksAdapter } from "./devices.ts";

/** Largest relative error of one rounding to half: 11 bits. */
const ROUNDING = 2 ** -11;

describe("WGSL for halves", () => {
  const program = (body: string) => `
    @group(0) @binding(1) var<storage, read> x: array<vec4f>;
    @group(0) @binding(2) var<storage, read_write> y: array<f32>;
    fn main() { ${body} }`;
  const body = (text: string) => /\{ (.*) \}$/.exec(withHalves(program(text), ["x", "y"]))![1];

  it("widens loads and narrows stores, one inside the other too", () => {
    assert.match(withHalves(program(""), ["x"]), /^enable f16;[^]*x: array<vec4h>[^]*y: array<f32>/);
    assert.equal(body("y[i] = x[j / 4u].z;"), "y[i] = f16(vec4f(x[j / 4u]).z);");
    assert.equal(
      body("y[u32(y[2])] += 2.0 * y[i];"),
      "y[u32(f32(y[2]))] = f16(f32(y[u32(f32(y[2]))]) + (2.0 * f32(y[i])));",
    );
    assert.equal(body("if (y[i] == 1.0) { s.y[0] = xy[1]; }"), "if (f32(y[i]) == 1.0) { s.y[0] = xy[1]; }");
  });

  it("knows a component by its number, in a vector of a vector's number", () => {
    const vector = "@binding(1) var<storage, read_write> c: array<vec4f>; fn main() { BODY }";
    const translated = (body: string) => withHalves(vector.replace("BODY", body), ["c"]).split("{ ")[1];
    assert.equal(translated("c[i / 4u][i % 4u] = v;"), "c[i / 4u][i % 4u] = f16(v); }");
    assert.equal(
      translated("c[0].w += c[i / 4u][u32(c[1].x)];"),
      "c[0].w = f16(vec4f(c[0]).w + (vec4f(c[i / 4u])[u32(vec4f(c[1]).x)])); }",
    );
    assert.equal(translated("if (a && c[0].x > 1.0) { }"), "if (a && vec4f(c[0]).x > 1.0) ");
  });

  it("narrows a component, and values that run over lines", () => {
    const vector = `@group(0) @binding(1) var<storage, read_write> c: array<vec4f>; fn main() {
      c[i].y = a +
        b[c[j].x]; // and c[k] = 3;
    }`;
    const lines = withHalves(vector, ["c"]).split("\n");
    assert.equal(lines.length, vector.split("\n").length, "line numbers stay");
    assert.match(lines[1], /^ +c\[i\]\.y = f16\(a \+$/);
    assert.match(lines[2], /^ +b\[vec4f\(c\[j\]\)\.x\]\); $/);
  });

  it("is refused where it would be wrong", () => {
    assert.throws(
      () => withHalves(program("let p = &y[0];"), ["y"]),
      /Cannot store y as f16: the program points to it/,
    );
    assert.throws(() => withHalves(program("let x = 1.0;"), ["x"]), /uses its name again/);
    assert.throws(
      () => withHalves(program(""), ["z"]),
      /Cannot store z as f16: it should be an array of f32/,
    );
  });
});

describe("storage of halves", { ignore: lacksAdapter }, () => {
  let backend: WebgpuBackend;
  beforeAll(async () => {
    backend = await openWebgpu({ halves: true });
  });
  afterAll(() => backend.close());

  it("is understood by every kernel's every program", async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const device = await adapter!.requestDevice({ requiredFeatures: ["shader-f16"] });
    const seen = new Set<string>();
    for (const kernel of KERNELS) {
      for (const { name, wgsl } of [kernel as Program, ...kernel.variants ?? []]) {
        if (seen.has(wgsl)) continue;
        seen.add(wgsl);
        const buffers = [...kernel.inputs, ...kernel.outputs];
        const floats = buffers.filter((buffer) => new RegExp(`> ${buffer}: array<(f32|vec4f)>`).test(wgsl));
        const module = device.createShaderModule({ code: withHalves(wgsl, floats) });
        const { messages } = await module.getCompilationInfo();
        assert.deepEqual(messages.map(({ message }) => message), [], name);
      }
    }
    assert.ok(seen.size > 60, `${seen.size} programs`);
    device.destroy();
  });

  it("keeps numbers to 11 bits, infinities and NaN, at any length and from any even place on", async () => {
    const numbers = [1, -0.1, 65_504, 1e-7, 1e6, -Infinity, NaN];
    const storage = backend.alloc(numbers.length, "f16");
    backend.write(storage, numbers);
    assert.deepEqual([...await backend.read(storage)], [...Float16Array.from(numbers)]);
    backend.write(storage, [7, 8], 2);
    backend.write(storage, [9], 6);
    assert.deepEqual([...(await backend.read(storage)).subarray(1, 7)], [
      Math.f16round(-0.1),
      7,
      8,
      Infinity,
      -Infinity,
      9,
    ]);
    assert.throws(
      () => backend.write(storage, [1], 2),
      /Cannot write halves 2 to 3 of 7: they should be whole pairs/,
    );
    assert.throws(() => backend.write(storage, [1], 3), /whole pairs/);
    const { bytes } = backend.memory();
    backend.free(storage);
    assert.equal(bytes - backend.memory().bytes, 16);
  });

  it("is refused where a device was opened without, and on the CPU", async () => {
    const [without, cpu] = [await openWebgpu(), await openCpu({ threads: 1 })];
    assert.throws(() => without.alloc(4, "f16"), /Cannot store f16 on .*: it was opened without/);
    assert.throws(() => cpu.alloc(4, "f16"), /Cannot store f16 on the CPU: it computes in f32/);
    without.close();
    cpu.close();
  });

  /** Numbers that are the same in f16. */
  const numbers = (length: number, seed: number) =>
    Float32Array.from({ length }, (_, i) => Math.f16round(uniformAt(seed, i) - 0.5));

  it("gives what f32 gives, but for the rounding of what is stored", async () => {
    const shapes = { x: [2, 9, 11, 8], weight: [3, 3, 8, 12], fc: [7, 12] } as const;
    const run = async (type: "f32" | "f16") => {
      const made = Object.entries(shapes).map(([name, shape], seed) =>
        tensor(backend, numbers(shape.reduce((a, b) => a * b, 1), seed), {
          shape,
          type: name === "x" ? type : "f32",
        })
      );
      const [x, weight, fc] = made;
      const vector = (value: number) => tensor(backend, new Float32Array(12).fill(value));
      const norm = { weight: vector(1), bias: vector(0.1), runningMean: vector(0), runningVar: vector(1) };
      const { value, grads } = valueAndGrad(made, () => {
        const map = conv2d(x, weight, { padding: 1 });
        const pooled = maxPool2d(relu(batchNorm(map, norm, { training: true })), { kernel: 2, stride: 2 });
        const y = linear(pooled, { weight: fc });
        return { loss: sum(mean(y, { axes: [1, 2] })), y };
      });
      assert.deepEqual([value.y.type, ...grads.map((grad) => grad.type)], [type, type, "f32", "f32"]);
      const results = await Promise.all([value.y, ...grads].map((result) => result.read()));
      for (const used of [...made, ...grads, value.loss, value.y, ...Object.values(norm)]) used.dispose();
      return results;
    };
    const { live } = Tensor;
    const [want, got] = [await run("f32"), await run("f16")];
    want.forEach((values, i) => {
      const norm = Math.hypot(...values);
      const off = Math.hypot(...values.map((value, at) => value - got[i][at])) / norm;
      // Four maps are rounded on the way forwards and four on the way back.
      assert.ok(off > ROUNDING / 100 && off < 8 * ROUNDING, `result ${i} is off by ${off} of its norm`);
    });
    assert.equal(Tensor.live, live);
  });

  it("trains as f32 does, with less memory", async () => {
    const config = {
      encoder: "tiny",
      channels: [8, 12, 16, 20],
      decoder: "attend",
      embedding: 16,
      hidden: 24,
      attention: 12,
      dropout: 0.2,
      preprocessing: { ...DEFAULT_PREPROCESSING, size: 32 },
    } as const;
    const [B, L, V] = [6, 8, 40];
    const batch = {
      pixels: Uint8Array.from({ length: B * 32 * 32 * 3 }, (_, i) => 255 * uniformAt(5, i >> 3)),
      captions: Array.from(
        { length: B * L },
        (_, i) => i % L === 0 ? 1 : i % L === L - 1 ? 2 : 4 + i * 7 % (V - 4),
      ),
      columns: L,
      lengths: Array(B).fill(L),
    };
    const train = async (activations: "f32" | "f16") => {
      const model = new CaptionModel(backend, config, { words: V, seed: 3, activations });
      const recipe = {
        learningRate: 1e-2,
        schedule: "constant",
        warmup: 0,
        clipNorm: 5,
        alphaC: 1,
        steps: 9,
        seed: 1,
      };
      const trainer = new Trainer(model, recipe as ConstructorParameters<typeof Trainer>[1]);
      let bytes = 0;
      const held = backend.memory().bytes;
      const alloc = backend.alloc;
      backend.alloc = (...args) => {
        const storage = alloc.apply(backend, args);
        bytes = Math.max(bytes, backend.memory().bytes - held);
        return storage;
      };
      for (let step = 0; step < 8; step++) trainer.step(batch);
      backend.alloc = alloc;
      const losses = (await trainer.readings()).map(({ loss }) => loss);
      trainer.dispose();
      model.dispose();
      return { losses, bytes };
    };
    const [full, half] = [await train("f32"), await train("f16")];
    full.losses.forEach((loss, step) => {
      const off = Math.abs(half.losses[step] - loss);
      assert.ok(off < 3e-3, `step ${step}: ${half.losses[step]}, in f32 ${loss}`);
    });
    assert.ok(full.losses[7] < 0.9 * full.losses[0], `${full.losses}`);
    assert.notDeepEqual(half.losses, full.losses);
    // Gradients of parameters, and what the decoder computes, stay f32.
    assert.ok(half.bytes < 0.7 * full.bytes, `${half.bytes} bytes, in f32 ${full.bytes}`);
  });
});
