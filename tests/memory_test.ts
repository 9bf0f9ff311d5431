/** Memory: nothing is held longer than it is needed, on every backend. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import type { CpuEngine } from "../kernels/gemm/engine.ts";
import { valueAndGrad } from "../lib/autograd.ts";
import type { NumberArray, Storage, StorageType } from "../lib/backend/backend.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { ObservedBackend } from "../lib/bench/observed_backend.ts";
import { beamSearch } from "../lib/models/beam_search.ts";
import { calibrate } from "../lib/models/calibrate.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { sampleCaptions } from "../lib/models/sample.ts";
import { add, filled, mean, relu, scale, square } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { validationLoss } from "../lib/train/validate.ts";
import { backends } from "./devices.ts";
import { makeFeatures, makeModel } from "./search_models.ts";
import { CONFIG, randomPictures, WORDS as KNOWN } from "./small_model.ts";

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

describe("memory where the device fails", () => {
  /** Fails in its n-th call of a kind. */
  class Failing extends ObservedBackend {
    left = { alloc: Infinity, read: Infinity };
    override alloc(length: number, type?: StorageType): Storage {
      if (this.left.alloc-- === 0) throw new RangeError("out of memory");
      return super.alloc(length, type);
    }
    override read(storage: Storage): Promise<NumberArray> {
      return this.left.read-- === 0 ? Promise.reject(new Error("lost")) : super.read(storage);
    }
  }
  const backend = new Failing(backends[0]);
  /** Fails everywhere it can, one time after the other, until all goes well. */
  const leavesNothing = async (work: () => Promise<unknown>) => {
    const calls = { alloc: 0, read: 0 };
    for (const kind of ["alloc", "read"] as const) {
      for (let failed = true; failed; calls[kind]++) {
        const before = [Tensor.live, backend.bytes];
        backend.left = { alloc: Infinity, read: Infinity, [kind]: calls[kind] };
        failed = await work().then(() => false, (error) => {
          assert.match(error.message, /^(out of memory|lost)$/);
          return true;
        });
        assert.deepEqual([Tensor.live, backend.bytes], before, `${kind} ${calls[kind]}`);
      }
    }
    backend.left = { alloc: Infinity, read: Infinity };
    assert.ok(calls.alloc > 10 && calls.read > 1, JSON.stringify(calls));
  };

  it("is given back by searches and samples", async () => {
    const model = makeModel(backend, { seed: 11 });
    const features = makeFeatures(backend, { images: 1 });
    const options = { maxLength: 2, attention: true };
    await leavesNothing(() => beamSearch(model.decoder, features, { ...options, beam: 2 }));
    await leavesNothing(() => beamSearch(model.decoder, features, { ...options, beam: 2, forced: [9] }));
    await leavesNothing(() => sampleCaptions(model.decoder, features, { ...options, samples: 2, seed: 1 }));
    features.dispose();
    model.dispose();
  });

  it("is given back by validation and calibration", async () => {
    const model = new CaptionModel(backend, CONFIG, { words: KNOWN, seed: 3 });
    const split = randomPictures();
    await leavesNothing(() => validationLoss(model, split, { batchSize: 16 }));
    await leavesNothing(() => calibrate(model, split));
    model.dispose();
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
