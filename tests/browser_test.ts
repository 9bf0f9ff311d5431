// This module runs in Deno only.
/**
 * The library in a browser, and the WGSL under a second compiler: Chromium's Tint, where Deno has naga.
 *
 * Every WGSL file is compiled, and every kernel case runs against its twin on SwiftShader, Chromium's own adapter
 * played by the CPU: as the kernels' WGSL is written, and as it is rewritten to read texels. Nearly all the time is
 * SwiftShader's compiler: a second or two for a program with large tiles.
 */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { openCpu } from "../lib/backend/cpu.ts";
import { serialiseSafetensors } from "../lib/data/safetensors.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { modelToFile } from "../lib/models/model_file.ts";
import { Random } from "../lib/random.ts";
import { lacksChromium } from "./browser/executable.ts";
import type { PageReport } from "./browser/drive.ts";
import { captionFormula, PAGE_DEVICES } from "./browser/page.ts";
import { KERNEL_CASES } from "./kernel_cases/mod.ts";

const PICTURE = { width: 23, height: 17 };

/** A small model whose captions differ: its weights behind the hidden state are large. */
async function modelFile(): Promise<Uint8Array<ArrayBuffer>> {
  const cpu = await openCpu({ threads: 1 });
  const sizes = { channels: [4, 6, 8, 10], embedding: 7, hidden: 9, attention: 5, dropout: 0 };
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: 16 };
  const words = Array.from({ length: 19 }, (_, i) => `word${i}`);
  const config = { encoder: "tiny", decoder: "attend", ...sizes, preprocessing } as const;
  const model = new CaptionModel(cpu, config, { words: words.length + 4, seed: 3 });
  const random = new Random(5);
  const { tensor } = model.parameters.all.find(({ name }) => name === "decoder.fc.weight")!;
  cpu.write(tensor.storage, Float32Array.from({ length: tensor.length }, () => 2 * random.normal()));
  const about = { words, wordSource: "ptb", recipe: {}, step: 0, scores: {}, dataHash: "" } as const;
  const parts = serialiseSafetensors(await modelToFile(model, { config, ...about }));
  cpu.close();
  return new Uint8Array(await new Blob(parts as Uint8Array<ArrayBuffer>[]).arrayBuffer());
}

/** Runs everything in a page. */
async function report(file: Uint8Array): Promise<PageReport> {
  const path = await Deno.makeTempFile({ suffix: ".safetensors" });
  try {
    await Deno.writeFile(path, file);
    const driver = new URL("./browser/drive.ts", import.meta.url).pathname;
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", driver, path, `${PICTURE.width}x${PICTURE.height}`],
      env: { NO_COLOR: "1" },
    }).output();
    const [json, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    assert.ok(success, complaint);
    return JSON.parse(json);
  } finally {
    await Deno.remove(path);
  }
}

describe("in Chromium", { ignore: lacksChromium }, () => {
  let file: Uint8Array<ArrayBuffer>;
  let page: PageReport;
  beforeAll(async () => {
    file = await modelFile();
    page = await report(file);
  });

  it("the library opens both devices", () => {
    const [cpu, webgpu] = page.devices;
    assert.match(cpu, /^CPU \(.*SIMD.*, 1 thread\)$/); // a page's main thread may not wait for workers
    assert.match(webgpu, /^WebGPU \(google.*, a software adapter\)$/);
  });

  it("every WGSL file compiles without a warning", () => assert.deepEqual(page.complaints, []));

  for (const inputs of ["buffers", "texels"] as const) {
    it(`kernels compute from ${inputs} what their twins do`, () => {
      const names = KERNEL_CASES.map(({ program, what }) => `${program.name}, ${what}`);
      const results = page.results[inputs];
      assert.deepEqual(results.map(({ name }) => name), names);
      assert.deepEqual(results.filter(({ error, tolerance }) => !(error <= tolerance)), []);
    });
  }

  it("a model file captions a picture as in Deno", async () => {
    const cpu = await openCpu({ threads: 1 });
    const want = await captionFormula(cpu, file, PICTURE);
    cpu.close();
    assert.ok(want[0].words.length >= 3, want[0].text);
    for (const [i, captions] of page.captions.entries()) {
      const device = PAGE_DEVICES[i];
      assert.deepEqual(captions.map(({ text }) => text), want.map(({ text }) => text), device);
      captions.forEach(({ score }, rank) => assert.ok(Math.abs(score - want[rank].score) < 1e-4, device));
    }
    assert.equal(page.captions.length, PAGE_DEVICES.length);
  });
});
