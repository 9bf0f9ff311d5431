/** Fine-tuning an encoder from its real ImageNet weights gives PyTorch's losses. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseSafetensors, type SafetensorsFile } from "../lib/data/safetensors.ts";
import { readEncoderWeights } from "../lib/deno/start_weights.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { HostBatch } from "../lib/models/device_batch.ts";
import { configForWeights, loadEncoder } from "../lib/models/encoder_weights.ts";
import { loadParameters, parameterToFile } from "../lib/models/model_file.ts";
import { PAD } from "../lib/text/vocabulary.ts";
import { Trainer } from "../lib/train/trainer.ts";
import { backends } from "./devices.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { lacksTorch, python } from "./python.ts";

const STEPS = 30;
/**
 * Largest difference of a loss, beside ten times what PyTorch's float32 is off from weights moved by a unit of rounding.
 * Measured: ours 1.6e-4, from moved weights 4.7e-5.
 */
const MOST = 1e-3;

function batchOf({ tensors }: SafetensorsFile, k: number): HostBatch {
  const { data: captions, shape: [rows, columns] } = tensors.get(`captions.${k}`)!;
  const ids = Array.from(captions as BigInt64Array, Number);
  const lengths = Array.from(
    { length: rows },
    (_, row) => ids.slice(row * columns, (row + 1) * columns).filter((id) => id !== PAD).length,
  );
  return { pixels: tensors.get(`pixels.${k}`)!.data as Uint8Array, captions: ids, columns, lengths };
}

describe("fine-tuning", { ignore: lacksTorch || lacksFixture("data/weights") }, () => {
  it("of SqueezeNet's fire modules under an attention decoder gives PyTorch's losses", async () => {
    const [backend] = backends; // the CPU
    const path = `${FIXTURES}/data/weights/squeezenet_v1.0_caffe_f32.safetensors`;
    const out = await Deno.makeTempFile({ suffix: ".safetensors" });
    const script = new URL("finetune_squeezenet.py", import.meta.url).pathname;
    await python(script, `${FIXTURES}/reference`, path, out, String(STEPS));
    const golden = parseSafetensors(await Deno.readFile(out), out);
    await Deno.remove(out);

    const encoder = "squeezenet1_0";
    const weights = await readEncoderWeights(path, { data: "", encoder });
    const sizes = { embedding: 12, hidden: 24, attention: 16, dropout: 0 };
    const preprocessing = { ...DEFAULT_PREPROCESSING, size: 64 };
    const config = configForWeights({ encoder, decoder: "attend", ...sizes, preprocessing }, weights);
    const model = new CaptionModel(backend, config, { words: 30 });
    loadEncoder(model, weights);
    const decoder = model.parameters.all.filter(({ name }) => name.startsWith("decoder."));
    loadParameters(decoder, golden.tensors, "the golden's decoder");

    const trainer = new Trainer(model, {
      ...{
        learningRate: 1e-5,
        schedule: "constant",
        warmup: 0,
        steps: STEPS,
        clipNorm: 5,
        alphaC: 1,
        seed: 1,
      },
      fineTune: "features.3",
    });
    for (let step = 0; step < STEPS; step++) trainer.step(batchOf(golden, step % 3));
    const readings = await trainer.readings();
    assert.equal(readings.length, STEPS);
    const losses = (name: string) => {
      const { data } = golden.tensors.get(`losses.${name}`)!;
      return Array.from({ length: STEPS }, (_, i) => [Number(data[3 * i]), Number(data[3 * i + 1])]);
    };
    const exact = losses("float64").flat();
    const drift = (numbers: readonly (readonly number[])[]) =>
      Math.max(...numbers.flat().map((value, i) => Math.abs(value - exact[i])));
    const ours = drift(readings.map(({ loss, crossEntropy }) => [loss, crossEntropy]));
    const theirs = Math.max(drift(losses("float32")), drift(losses("moved")));
    assert.ok(
      ours < Math.min(MOST, 10 * theirs),
      `a loss is ${ours} off float64, PyTorch's float32 runs are off by ${theirs}`,
    );

    const moved = async (name: string) => {
      const parameter = model.parameters.all.find((each) => each.name === name)!;
      const [before, after] = [weights.tensors.get(name)!, await parameterToFile(parameter)];
      return after.data.some((value, i) => value !== before.data[i]);
    };
    assert.ok(await moved("encoder.features.3.squeeze.weight"));
    assert.ok(!await moved("encoder.features.0.weight"), "the first convolution is frozen");
    trainer.dispose();
    model.dispose();
  });
});
