/** One seed, one device, one model: to the last byte, and on the CPU for any number of threads. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { openBlas } from "../lib/deno/blas.ts";
import { serialiseSafetensors } from "../lib/data/safetensors.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { ModelConfig } from "../lib/models/config.ts";
import type { HostBatch } from "../lib/models/device_batch.ts";
import { type ModelInfo, modelToFile } from "../lib/models/model_file.ts";
import { Random } from "../lib/random.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { backends, lacksAdapter } from "./devices.ts";
import { IN_CI } from "./fixtures.ts";

/** Opened before any test counts what it leaves behind: a library stays loaded. In CI there must be one. */
const BLAS = openBlas(IN_CI ? "on" : "auto");
const STEPS = 3;
const WORDS = 211;
/** Large enough that convolutions, products and loops are split between threads. */
const SIZE = 48;
const BATCH = 7;

function config(decoder: ModelConfig["decoder"]): ModelConfig {
  const sizes = { channels: [16, 24, 32, 48], embedding: 40, hidden: 72, attention: 33, dropout: 0.3 };
  return { encoder: "tiny", decoder, ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size: SIZE } };
}

/** Random pictures with captions of 4 to 9 ids. */
function randomBatch(seed: number): HostBatch {
  const random = new Random(9, seed);
  const whole = (least: number, limit: number) => least + Math.floor(random.uniform() * (limit - least));
  const lengths = Array.from({ length: BATCH }, () => whole(4, 10));
  const columns = Math.max(...lengths);
  const captions = lengths.flatMap((length) =>
    Array.from(
      { length: columns },
      (_, t) => t === 0 ? 1 : t < length - 1 ? whole(4, WORDS) : t < length ? 2 : 0,
    )
  );
  const pixels = Uint8Array.from({ length: BATCH * SIZE * SIZE * 3 }, () => whole(0, 256));
  return { pixels, captions, columns, lengths };
}

/** The bytes of a model file after a few steps of training. */
async function trained(backend: Backend, decoder: ModelConfig["decoder"], seed = 6): Promise<Uint8Array> {
  const model = new CaptionModel(backend, config(decoder), { words: WORDS, seed: 5 });
  const schedule = { learningRate: 1e-2, schedule: "constant", warmup: 0, steps: STEPS } as const;
  const trainer = new Trainer(model, { ...schedule, clipNorm: 1, alphaC: 1, seed });
  for (let step = 0; step < STEPS; step++) trainer.step(randomBatch(step));
  const info: ModelInfo = {
    config: config(decoder),
    words: Array.from({ length: WORDS - 4 }, (_, i) => `word${i}`),
    ...{ wordSource: "ptb", recipe: {}, step: STEPS, scores: {}, dataHash: "" },
  };
  const parts = serialiseSafetensors(await modelToFile(model, info)) as Uint8Array<ArrayBuffer>[];
  trainer.dispose();
  model.dispose();
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** (assert.deepEqual would take minutes to describe how millions of bytes differ.) */
function assertSame(got: Uint8Array, want: Uint8Array, what: string): void {
  assert.equal(got.length, want.length, what);
  assert.equal(got.findIndex((byte, i) => byte !== want[i]), -1, `first byte that differs ${what}`);
}

describe("training with one seed", () => {
  for (const decoder of ["attend", "show_tell"] as const) {
    it(`${decoder}: gives the same bytes on the CPU, with 1, 2 or 3 threads`, async () => {
      const first = await trained(backends[0], decoder);
      for (const threads of [1, 2, 3]) {
        const cpu = await openCpu({ threads });
        assertSame(await trained(cpu, decoder), first, `with ${threads} threads`);
        cpu.close();
      }
    });

    it(`${decoder}: gives the same bytes twice on WebGPU`, { ignore: lacksAdapter }, async () => {
      const [, webgpu] = backends;
      assertSame(await trained(webgpu, decoder), await trained(webgpu, decoder), "the second time");
    });

    it(`${decoder}: gives the same bytes from texels as from buffers`, { ignore: lacksAdapter }, async () => {
      const models: Uint8Array[] = [];
      for (const texelLoads of [0, Infinity]) {
        const webgpu = await openWebgpu({ texelLoads });
        models.push(await trained(webgpu, decoder));
        webgpu.close();
      }
      assertSame(models[0], models[1], "from texels");
    });
  }

  it("gives the same bytes twice with the system's BLAS, with 1, 2 or 3 threads", {
    ignore: BLAS === undefined,
  }, async () => {
    const all: Uint8Array[] = [];
    for (const threads of [1, 1, 2, 3]) {
      const cpu = await openCpu({ threads, blas: () => BLAS });
      all.push(await trained(cpu, "attend"));
      cpu.close();
    }
    for (const [i, bytes] of all.entries()) assertSame(bytes, all[0], `in run ${i}`);
  });

  it("gives another model with another seed", async () => {
    const [one, other] = [await trained(backends[0], "attend", 6), await trained(backends[0], "attend", 7)];
    assert.notEqual(one.findIndex((byte, i) => byte !== other[i]), -1); // dropout differs
  });
});
