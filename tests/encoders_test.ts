/** Encoders: PyTorch's activations at every block, freezing, folding, sizes. */
import assert from "node:assert/strict";
import { beforeAll, describe, it } from "@std/testing/bdd";
import { valueAndGrad } from "../lib/autograd.ts";
import type { Backend } from "../lib/backend/backend.ts";
import { parseSafetensors, type SafetensorsFile } from "../lib/data/safetensors.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import { type EncoderName, ENCODERS, type ModelConfig } from "../lib/models/config.ts";
import type { Encoder } from "../lib/models/encoder.ts";
import { makeEncoder } from "../lib/models/encoders.ts";
import { loadParameters, parameterToFile } from "../lib/models/model_file.ts";
import { Parameters } from "../lib/nn/parameters.ts";
import { mean } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { backends } from "./devices.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { lacksTorch, python } from "./python.ts";

const [cpu] = backends;
/** Those whose every block is compared; of the others the first blocks, and the shapes of all parameters. */
const WHOLE: readonly EncoderName[] = ["resnet18", "resnet50", "mobilenet_v2", "squeezenet1_0"];
const PARTLY: readonly EncoderName[] = ["resnet34", "resnet101", "resnet152"];
/** Largest difference from PyTorch, for activations up to about 10. */
const TOLERANCE = 1e-4;
/** The same in training: statistics of 8 numbers multiply rounding, PyTorch itself differs from f64 by 4e-4. */
const TRAINING_TOLERANCE = 2e-3;

function configOf(encoder: EncoderName, options: Partial<ModelConfig> = {}): ModelConfig {
  const sizes = { embedding: 4, hidden: 5, attention: 3, dropout: 0 };
  const preprocessing = { ...DEFAULT_PREPROCESSING, size: 64 };
  return { encoder, decoder: "attend", ...sizes, preprocessing, ...options };
}

/** [B, C, h, w] of a file → [B, h, w, C]. */
function toNhwc(file: SafetensorsFile, name: string): { shape: number[]; data: Float32Array } {
  const { shape: [B, C, h, w], data } = file.tensors.get(name)!;
  const result = new Float32Array(data.length);
  for (let b = 0; b < B; b++) {
    for (let c = 0; c < C; c++) {
      for (let at = 0; at < h * w; at++) {
        result[(b * h * w + at) * C + c] = Number(data[(b * C + c) * h * w + at]);
      }
    }
  }
  return { shape: [B, h, w, C], data: result };
}

/** Compares a tensor with a map of the file, and frees it. */
async function compareMap(got: Tensor, file: SafetensorsFile, name: string, tolerance = TOLERANCE) {
  const { data } = toNhwc(file, name);
  const values = await got.read();
  got.dispose();
  assert.equal(values.length, data.length, name);
  const worst = data.reduce((most, value, i) => Math.max(most, Math.abs(value - values[i])), 0);
  assert.ok(worst <= tolerance, `${name} differs by ${worst}`);
}

/** An encoder with the weights of a file of `encoder_stages.py`, and its input. */
function loaded(backend: Backend, name: EncoderName, file: SafetensorsFile, options?: Partial<ModelConfig>) {
  const parameters = new Parameters(backend, undefined);
  const encoder = makeEncoder(parameters, configOf(name, options));
  const ours = new Map([...file.tensors].map(([key, value]) => [`encoder.${key}`, value]));
  const there = parameters.all.filter(({ name }) => ours.has(name));
  loadParameters(there, ours, name);
  const { shape, data } = toNhwc(file, "input");
  const images = tensor(backend, data, { shape });
  const dispose = () => {
    encoder.unfold();
    parameters.dispose();
    images.dispose();
  };
  return { encoder, parameters, images, complete: there.length === parameters.all.length, dispose };
}

/** Compares features with folded batch norms and without. */
async function checkFolding(encoder: Encoder, images: Tensor, tolerance: number): Promise<void> {
  const encode = async () => {
    const features = scope(() => encoder.encode(images, { training: false }));
    const values = Float32Array.from(await features.read());
    features.dispose();
    return values;
  };
  const plain = await encode();
  encoder.fold();
  const folded = await encode();
  const worst = folded.reduce((most, value, i) => Math.max(most, Math.abs(value - plain[i])), 0);
  assert.ok(worst > 0 && worst < tolerance, `differs by ${worst}`);
  encoder.unfold();
  assert.deepEqual(await encode(), plain, "unfolded it is as before");
}

describe("encoders", () => {
  const ignore = lacksTorch || lacksFixture("reference");
  const files = new Map<EncoderName, SafetensorsFile>();

  beforeAll(async () => {
    if (ignore) return;
    const dir = await Deno.makeTempDir();
    const names = [...WHOLE, ...PARTLY.map((name) => `${name}:2`)];
    const script = new URL("encoder_stages.py", import.meta.url).pathname;
    await python(script, `${FIXTURES}/reference`, dir, ...names);
    for (const name of [...WHOLE, ...PARTLY]) {
      const path = `${dir}/${name}.safetensors`;
      files.set(name, parseSafetensors(await Deno.readFile(path), path));
    }
    await Deno.remove(dir, { recursive: true });
  });

  for (const name of [...WHOLE, ...PARTLY]) {
    it(`${name} has torchvision's parameters and PyTorch's activations`, { ignore }, async () => {
      const live = Tensor.live;
      const file = files.get(name)!;
      const { encoder, parameters, images, complete, dispose } = loaded(cpu, name, file);
      assert.equal(complete, WHOLE.includes(name));
      const shapes = Object.entries<number[]>(JSON.parse(file.metadata.shapes))
        .filter(([key]) => !key.endsWith("num_batches_tracked"))
        .map(([key, shape]) => `encoder.${key} ${shape}`);
      const ours = parameters.all.map(({ name, tensor: { shape: s }, layout }) =>
        `${name} ${layout === "conv" ? [s[3], s[2], s[0], s[1]] : s}`
      );
      assert.deepEqual(ours.sort(), shapes.sort());
      let x = images;
      for (const [i, { layers }] of encoder.blocks.entries()) {
        if (!file.tensors.has(`stage.${i}`)) break;
        const before = x;
        x = scope(() => layers.reduce((map, layer) => layer(map, { training: false }), before));
        if (before !== images) before.dispose();
        await compareMap(x.view(x.shape), file, `stage.${i}`);
      }
      x.dispose();
      dispose();
      assert.equal(Tensor.live, live);
    });
  }

  it("trains with frozen blocks as PyTorch does, and keeps nothing of them", { ignore }, async () => {
    for (const name of WHOLE) {
      const file = files.get(name)!;
      const { encoder, parameters, images, dispose } = loaded(cpu, name, file);
      const key = [...file.tensors.keys()].find((key) => key.startsWith("training."))!;
      const frozen = Number(key.split(".")[1]);
      const features = scope(() => encoder.encode(images, { training: true, frozen }));
      assert.deepEqual(features.shape, [2, encoder.positions, encoder.channels]);
      await compareMap(features, file, key, TRAINING_TOLERANCE);
      for (const parameter of parameters.all.filter(({ trained }) => !trained)) {
        const { data } = await parameterToFile(parameter);
        const want = file.tensors.get(`after.${parameter.name.slice("encoder.".length)}`)!.data;
        const close = data.every((value, i) => Math.abs(Number(value) - Number(want[i])) < TOLERANCE);
        assert.ok(close, parameter.name);
      }
      dispose();
    }
  });

  it("captions with folded batch norms as without", { ignore }, async () => {
    for (const name of ["resnet18", "mobilenet_v2"] as const) {
      const { encoder, images, dispose } = loaded(cpu, name, files.get(name)!);
      await checkFolding(encoder, images, 5e-5); // measured: up to 1.1e-5
      dispose();
    }
  });

  it("folds on every device, and unfolds", async () => {
    for (const backend of backends) {
      const live = Tensor.live;
      const parameters = new Parameters(backend, 3);
      const encoder = makeEncoder(parameters, configOf("tiny", { channels: [4, 5, 6, 7] }));
      for (const { name, tensor } of parameters.all.filter(({ trained }) => !trained)) {
        backend.write(
          tensor.storage,
          Array.from({ length: tensor.length }, (_, i) => (i + name.length) / 400),
        );
      }
      const images = tensor(backend, Float32Array.from({ length: 64 * 64 * 3 }, (_, i) => i % 7 / 3 - 1), {
        shape: [1, 64, 64, 3],
      });
      await checkFolding(encoder, images, 1e-5);
      parameters.dispose();
      images.dispose();
      assert.equal(Tensor.live, live);
    }
  });

  it("averages the map to a grid, and says which sizes it takes", () => {
    const shapeOf = (encoder: EncoderName, size: number, grid?: number) => {
      const parameters = new Parameters(cpu, undefined);
      try {
        const preprocessing = { ...DEFAULT_PREPROCESSING, size };
        const { channels, positions, encode } = makeEncoder(
          parameters,
          configOf(encoder, { grid, preprocessing }),
        );
        const images = tensor(cpu, new Float32Array(size * size * 3), { shape: [1, size, size, 3] });
        const features = scope(() => encode(images, { training: false }));
        for (const used of [images, features]) used.dispose();
        assert.deepEqual(features.shape, [1, positions, channels]);
        return features.shape.slice(1).join();
      } finally {
        parameters.dispose();
      }
    };
    assert.equal(shapeOf("tiny", 64, 3), "9,256");
    assert.equal(shapeOf("resnet18", 96), "9,512");
    assert.equal(shapeOf("resnet18", 64, 14), "196,512");
    assert.equal(shapeOf("mobilenet_v2", 32), "1,1280");
    assert.equal(shapeOf("squeezenet1_0", 65), "9,512");
    assert.equal(shapeOf("squeezenet1_0", 32, 2), "4,512");
    const refused = (encoder: EncoderName, size: number, message: RegExp) =>
      assert.throws(() => shapeOf(encoder, size), { name: "RangeError", message });
    refused("resnet50", 100, /encoder resnet50 for pictures of 100 pixels: .* a multiple of 32, such as 96/);
    refused("resnet18", 8, /a multiple of 32, such as 32/);
    refused("squeezenet1_0", 31, /at least 32/);
  });

  it("start as papers say: ResNets with He's deviation, the others as PyTorch's convolutions do", async () => {
    const deviations: readonly (readonly [EncoderName, string, (shape: readonly number[]) => number])[] = [
      ["resnet18", "encoder.layer1.0.conv1.weight", ([h, w, , O]) => Math.sqrt(2 / (h * w * O))],
      ["resnet50", "encoder.layer4.2.conv2.weight", ([h, w, , O]) => Math.sqrt(2 / (h * w * O))],
      ["mobilenet_v2", "encoder.features.18.0.weight", ([h, w, I]) => Math.sqrt(1 / (3 * h * w * I))],
    ];
    for (const [encoder, key, expected] of deviations) {
      const parameters = new Parameters(cpu, 1);
      makeEncoder(parameters, configOf(encoder));
      const { tensor } = parameters.all.find(({ name }) => name === key)!;
      const values = Float64Array.from(await tensor.read());
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
      const alike = parameters.all.filter((other) => other.tensor.shape.join() === tensor.shape.join());
      const firsts = await Promise.all(alike.map(async (other) => (await other.tensor.read())[0]));
      assert.equal(new Set(firsts).size, firsts.length, "each starts differently");
      parameters.dispose();
      const ratio = deviation / expected(tensor.shape);
      assert.ok(Math.abs(ratio - 1) < 0.01, `${encoder} ${key}: ${ratio} times the deviation it should have`);
    }
  });

  it("freezes from the input on: those parameters are not trained, nothing is recorded for them", async () => {
    for (const name of ENCODERS.filter((name) => !/resnet(34|50|101|152)/.test(name))) {
      const options = name === "tiny" ? { channels: [2, 3, 4, 5] } : {};
      const model = new CaptionModel(cpu, configOf(name, options), { words: 6, seed: 1 });
      const { blocks } = model.encoder;
      const all = model.trained.length;
      const names = () => new Set(model.trained.map(({ name }) => name));
      const counts = blocks.map((_, i) => {
        model.frozen = i;
        return names().size;
      });
      assert.ok(counts.every((count, i) => i === 0 ? count === all : count < counts[i - 1]), name);
      model.frozen = blocks.length;
      assert.ok([...names()].every((name) => name.startsWith("decoder.")), "every block has its prefixes");

      const images = tensor(cpu, Float32Array.from({ length: 2 * 64 * 64 * 3 }, (_, i) => i % 7 / 7 - 0.5), {
        shape: [2, 64, 64, 3],
      });
      const live = Tensor.live;
      for (const frozen of [blocks.length - 1, blocks.length]) {
        model.frozen = frozen;
        const encoder = model.parameters.trained.filter(({ name }) => name.startsWith("encoder."));
        let kept = 0;
        const { value, grads } = valueAndGrad(encoder.map(({ tensor }) => tensor), () => {
          const features = model.encoder.encode(images, { training: true, frozen });
          kept = Tensor.live - live;
          return mean(features);
        });
        const flows = await Promise.all(grads.map(async (grad) => (await grad.read()).some((x) => x !== 0)));
        for (const used of [value, ...grads]) used.dispose();
        const trained = new Set(model.trained.map(({ name }) => name));
        const wrong = encoder.filter(({ name }, i) => flows[i] && !trained.has(name));
        assert.deepEqual(wrong.map(({ name }) => name), [], "gradients of frozen parameters are zero");
        assert.equal(flows.some((flow) => flow), frozen < blocks.length);
        if (frozen === blocks.length) {
          assert.ok(kept <= 2, `${name} keeps ${kept} tensors of its frozen blocks`);
        }
        assert.equal(Tensor.live, live);
      }
      images.dispose();
      model.dispose();
    }
  });
});
