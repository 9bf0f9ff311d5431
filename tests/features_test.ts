/** Features on disk: made once, resumed to the byte, read ahead, and as good as pixels for training. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { BatchLoader } from "../lib/data/batches.ts";
import { type FeatureBatch, FeatureLoader } from "../lib/data/feature_batches.ts";
import type { FeatureType } from "../lib/data/feature_origin.ts";
import { floatsToHalves, halvesToFloats } from "../lib/data/half.ts";
import { featureBytes } from "../lib/deno/feature_records.ts";
import { countFeatures, featureOrigin, openFeatures, prepareFeatures } from "../lib/deno/features.ts";
import { uploadPixels } from "../lib/models/device_batch.ts";
import { scope } from "../lib/scope.ts";
import { backends } from "./devices.ts";
import { FILES, makeModel, PICTURES, PIXELS, split } from "./feature_pictures.ts";
import { CONFIG } from "./small_model.ts";

describe("halves", () => {
  it("are as exact as the engine's own", () => {
    const bits = Uint16Array.from({ length: 65_536 }, (_, i) => i);
    const floats = new Float32Array(bits.length);
    halvesToFloats(bits, floats);
    assert.deepEqual([floats[0x3c00], floats[0x3555], floats[0x7bff], floats[0xfc00], floats[1]], [
      1,
      0.333251953125,
      65_504,
      -Infinity,
      2 ** -24,
    ]);
    const back = floatsToHalves(floats);
    const wrong = bits.findIndex((value, i) => !Number.isNaN(floats[i]) && back[i] !== value);
    assert.equal(wrong, -1);
  });
});

describe("features on disk", () => {
  let folder = "";
  beforeEach(async () => {
    folder = await Deno.makeTempDir();
  });
  afterEach(() => Deno.remove(folder, { recursive: true }));

  for (const backend of backends) {
    describe(`on ${backend.name}`, () => {
      const prepare = async (
        dir: string,
        options: { type?: FeatureType; stopAt?: number; batch?: number } = {},
      ) => {
        const model = makeModel(backend);
        const { type = "f32", stopAt, batch = 4 } = options;
        const controller = new AbortController();
        try {
          return await prepareFeatures(dir, FILES, {
            model,
            origin: await featureOrigin(model, type),
            pixels: PIXELS,
            batch,
            onProgress: (done) => {
              if (done === stopAt) controller.abort(new Error("stop"));
            },
            signal: controller.signal,
          });
        } finally {
          model.dispose();
        }
      };

      it("are the same to the byte after an abort anywhere", async () => {
        for (const type of ["f16", "f32"] as const) {
          const [whole, parts] = [`${folder}/${type}-whole`, `${folder}/${type}-parts`];
          assert.equal((await prepare(whole, { type })).added, PICTURES);
          for (const stopAt of [1, 6, 13]) {
            await assert.rejects(prepare(parts, { type, stopAt }), { message: "stop" });
          }
          assert.deepEqual((await prepare(parts, { type })).kept, 13);
          for (const name of [`features.${type}`, "index.jsonl"]) {
            assert.deepEqual(
              await Deno.readFile(`${parts}/${name}`),
              await Deno.readFile(`${whole}/${name}`),
            );
          }
        }
      });

      it("are read from memory and ahead from the disk, in any order, as the encoder made them", async () => {
        for (const type of ["f16", "f32"] as const) {
          const dir = `${folder}/${type}`;
          await prepare(dir, { type });
          const model = makeModel(backend);
          const images = Uint32Array.from([20, 3, 3, 0]);
          const made = scope(() =>
            model.encode(uploadPixels(backend, PIXELS.pixels(images)), { batch: 4, training: false })
          );
          const want = Float32Array.from(await made.read());
          if (type === "f16") halvesToFloats(floatsToHalves(want), want);
          for (const memoryBytes of [1e6, 0]) {
            using features = await openFeatures(dir, { memoryBytes });
            assert.equal(features.inMemory, memoryBytes > 0);
            const source = features.source(FILES);
            const out = source.alloc(4);
            await source.read(images, out);
            assert.deepEqual(Float32Array.from(out), want);
          }
          made.dispose();
          model.dispose();
        }
      });
    });
  }

  const [backend] = backends;
  const fill = async (options: Partial<Parameters<typeof prepareFeatures>[2]> = {}, files = FILES) => {
    const model = makeModel(backend);
    try {
      const origin = await featureOrigin(model, "f16");
      return {
        origin,
        report: await prepareFeatures(folder, files, { model, origin, pixels: PIXELS, ...options }),
      };
    } finally {
      model.dispose();
    }
  };

  it("are made anew for changed pictures, and of no use to other weights, sizes or types", async () => {
    const { origin } = await fill();
    assert.equal(await countFeatures(folder, FILES, origin), PICTURES);
    const changed = FILES.map((file, i) => i === 7 ? { ...file, modified: 6 } : file);
    assert.equal(await countFeatures(folder, changed, origin), PICTURES - 1);
    const { report } = await fill({}, changed);
    assert.deepEqual([report.added, report.kept], [1, PICTURES - 1]);
    const others = [
      { config: {}, seed: 5 },
      { config: { channels: [4, 6, 8, 12] } },
      {
        config: { ...CONFIG, preprocessing: { ...CONFIG.preprocessing, mean: [0, 0, 0] as const } },
        seed: 4,
      },
    ];
    for (const { config, seed } of others) {
      const other = makeModel(backend, config, seed);
      assert.equal(await countFeatures(folder, changed, await featureOrigin(other, "f16")), 0);
      other.dispose();
    }
    assert.equal(await countFeatures(folder, changed, { ...origin, type: "f32" }), 0);
  });

  it("belong to the encoder alone: another decoder finds them", async () => {
    const { origin } = await fill();
    const other = makeModel(backend, { decoder: "show_tell", hidden: 5 });
    assert.equal(await countFeatures(folder, FILES, await featureOrigin(other, "f16")), PICTURES);
    assert.deepEqual(await featureOrigin(other, "f16"), origin);
    other.dispose();
  });

  it("are found damaged by one flipped bit, and mended", async () => {
    const { origin } = await fill();
    const path = `${folder}/features.f16`;
    const bytes = await Deno.readFile(path);
    const whole = bytes.slice();
    bytes[Math.floor(bytes.length * 5.5 / PICTURES)] ^= 0x10; // inside picture 5's
    await Deno.writeFile(path, bytes);
    for (const memoryBytes of [1e6, 0]) {
      using features = await openFeatures(folder, { memoryBytes });
      const source = features.source(FILES);
      await source.read(Uint32Array.of(4, 6), source.alloc(2));
      await assert.rejects(source.read(Uint32Array.of(4, 5), source.alloc(2)), {
        message: /features of 5.jpg .* run `deno task prepare --features` to mend it/,
      });
    }
    assert.equal(await countFeatures(folder, FILES, origin), PICTURES); // the sums are not looked at unasked
    const { report } = await fill({ verify: true });
    assert.deepEqual([report.added, report.damaged], [1, 1]);
    using features = await openFeatures(folder);
    const source = features.source(FILES);
    const out = source.alloc(1);
    await source.read(Uint32Array.of(5), out);
    const want = new Float32Array(out.length);
    const each = whole.length / PICTURES;
    halvesToFloats(new Uint16Array(whole.buffer, 5 * each, each / 2), want);
    assert.deepEqual(Float32Array.from(out), want);
  });

  it("refuse numbers that f16 cannot hold, with the picture's name", () => {
    const big = Float32Array.of(1, 70_000);
    assert.throws(() => featureBytes(big, { type: "f16", name: "a.jpg" }), {
      name: "RangeError",
      message: /features of a.jpg in f16: one of them is 70000, add --features-type f32/,
    });
    assert.equal(featureBytes(big, { type: "f32", name: "a.jpg" }).length, 8);
    assert.throws(() => featureBytes(Float32Array.of(NaN), { type: "f32", name: "a.jpg" }), {
      message: /one of them is NaN, the encoder's weights are damaged/,
    });
  });

  it("come in the loader's order, from any step on, and give way to pixels from a step on", async () => {
    await fill();
    using features = await openFeatures(folder, { memoryBytes: 0 });
    const source = features.source(FILES);
    const loader = new BatchLoader(split(), { batchSize: 4, seed: 9 });
    const want = loader.from({ epoch: 0, step: 3 });
    const one = source.alloc(1);
    let steps = 0;
    for await (const batch of new FeatureLoader(loader, source, { until: 11 }).from({ epoch: 0, step: 3 })) {
      const { pixels, ...words } = want.next().value;
      const { features, pixels: ours, ...rest } = { features: undefined, ...batch };
      assert.deepEqual(rest, words);
      if (steps < 8) {
        for (const [row, image] of words.images.entries()) {
          await source.read(Uint32Array.of(image), one);
          const each = source.length;
          assert.deepEqual(features!.slice(row * each, (row + 1) * each), Float32Array.from(one));
        }
      } else assert.deepEqual(ours, pixels);
      if (++steps === 10) break;
    }
  });

  it("are read two batches ahead, into the same few pieces of memory", async () => {
    let pieces = 0;
    const reads: number[] = [];
    const source = {
      length: 2,
      alloc: (pictures: number) => new Float32Array(++pieces && 2 * pictures),
      read(images: Uint32Array, out: Float32Array) {
        reads.push(images.length);
        for (const [i, image] of images.entries()) out.fill(image, 2 * i, 2 * i + 2);
        return Promise.resolve();
      },
    };
    const loader = new BatchLoader(split(), { batchSize: 7, seed: 9 });
    let steps = 0;
    for await (
      const { images, features } of new FeatureLoader(loader, source).from() as AsyncIterable<FeatureBatch>
    ) {
      assert.equal(reads.length, ++steps + 2);
      const held = Float32Array.from([...images].flatMap((image) => [image, image]));
      await Promise.resolve(); // as while a step is taken: those ahead must not write here
      assert.deepEqual(features, held);
      if (steps === 25) break;
    }
    assert.equal(pieces, 4);
  });
});
