/** Encoders with real ImageNet weights: the logits of two photographs, as onnxruntime computes them. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import type { Backend } from "../lib/backend/backend.ts";
import { type FileTensor, parseSafetensors } from "../lib/data/safetensors.ts";
import { decodeFile } from "../lib/deno/decode.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { EncoderName, ModelConfig } from "../lib/models/config.ts";
import { uploadPixels } from "../lib/models/device_batch.ts";
import { configForWeights, encoderTensors, loadEncoder } from "../lib/models/encoder_weights.ts";
import { add, linear, mean, relu, scale } from "../lib/ops/mod.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";
import { backends } from "./devices.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";

const WEIGHTS = `${FIXTURES}/data/weights`;
/** Largest difference of a logit; the goldens have four or five digits behind the point. */
const TOLERANCE = 1e-3;

interface Golden {
  readonly id: number;
  readonly mobilenet_v2: { readonly top5: number[]; readonly logits: number[] };
  /** Of the five classes, before the softmax. */
  readonly squeezenet: { readonly top5: number[]; readonly softmax_top5: number[] };
}

/** An encoder under test. */
interface Case {
  readonly encoder: EncoderName;
  readonly file: string;
  /** Of the pictures. */
  readonly size: number;
  /** From features [B, P, D] to logits [B, 1000], with the classifier that the file holds beside the encoder. */
  classify(features: Tensor, weight: (name: string) => Tensor): Tensor;
}

const CASES: readonly Case[] = [{
  encoder: "squeezenet1_0",
  file: "squeezenet_v1.0_caffe_f32.safetensors",
  size: 227,
  classify(features, weight) {
    // Caffe's last convolution, 1×1, pads the 13×13 map: at its border of 56 positions there is the bias alone.
    const bias = weight("conv_final.bias");
    const inside = mean(relu(linear(features, { weight: weight("conv_final.weight"), bias })), { axes: [1] });
    return add(scale(inside, 169 / 225), scale(relu(bias), 56 / 225));
  },
}, {
  encoder: "mobilenet_v2",
  file: "mobilenet_v2_1.00_224_bnfolded_f32.safetensors",
  size: 224,
  classify: (features, weight) =>
    linear(mean(features, { axes: [1] }), {
      weight: weight("classifier.weight"),
      bias: weight("classifier.bias"),
    }),
}];

function configOf(encoder: EncoderName, size: number): ModelConfig {
  const sizes = { embedding: 1, hidden: 1, attention: 1, dropout: 0 };
  return { encoder, decoder: "show_tell", ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size } };
}

/** A classifier's tensor with one row a class. */
function classRows({ shape, data }: FileTensor): { shape: readonly number[]; data: Float32Array } {
  const values = Float32Array.from(data as Float32Array);
  if (shape.length === 1 || shape[0] === 1000) return { shape: shape.slice(0, 2), data: values };
  const [inputs, classes] = shape; // keras: a column a class
  const turned = Float32Array.from(values, (_, i) => values[(i % inputs) * classes + Math.floor(i / inputs)]);
  return { shape: [classes, inputs], data: turned };
}

/** Logits of the pictures, [B, 1000] in one array. */
async function logitsOf({ encoder, file, size, classify }: Case, backend: Backend, pixels: Uint8Array) {
  const path = `${WEIGHTS}/${file}`;
  const parsed = parseSafetensors(await Deno.readFile(path), path);
  const weights = encoderTensors({ ...parsed, name: path }, encoder);
  const config = configForWeights(configOf(encoder, size), weights);
  const model = new CaptionModel(backend, config, { words: 5, seed: null });
  loadEncoder(model, weights);
  const logits = scope(() => {
    const batch = pixels.length / (3 * size * size);
    const features = model.encode(uploadPixels(backend, pixels), { batch, training: false });
    return classify(features, (name) => {
      const { shape, data } = classRows(parsed.tensors.get(name)!);
      return tensor(backend, data, { shape });
    });
  });
  const values = Float32Array.from(await logits.read());
  logits.dispose();
  model.dispose();
  return values;
}

const best = (logits: Float32Array) => [...logits.keys()].sort((a, b) => logits[b] - logits[a]).slice(0, 5);

describe("encoders with ImageNet's weights", { ignore: lacksFixture("data/weights") }, () => {
  let images: Golden[];
  beforeAll(async () => {
    ({ images } = JSON.parse(await Deno.readTextFile(`${WEIGHTS}/golden/golden.json`)));
  });
  const live = Tensor.live;
  afterAll(() => assert.equal(Tensor.live, live));

  for (const each of CASES) {
    for (const backend of backends) {
      it(`${each.encoder} gives the golden logits on ${backend.name}`, async () => {
        const pixels = await Promise.all(images.map(async ({ id }) => {
          const name = `${String(id).padStart(12, "0")}_${each.size}.png`;
          return (await decodeFile(`${WEIGHTS}/golden/${name}`)).data;
        }));
        const together = new Uint8Array(pixels.length * pixels[0].length);
        pixels.forEach((data, i) => together.set(data, i * data.length));
        const logits = await logitsOf(each, backend, together);
        images.forEach(({ squeezenet, mobilenet_v2 }, i) => {
          const got = logits.subarray(1000 * i, 1000 * (i + 1));
          const { top5, wanted } = each.encoder === "mobilenet_v2"
            ? { top5: mobilenet_v2.top5, wanted: [...mobilenet_v2.logits.entries()] }
            : {
              top5: squeezenet.top5,
              wanted: squeezenet.top5.map((id, k) => [id, squeezenet.softmax_top5[k]] as const),
            };
          assert.deepEqual(best(got), top5);
          const worst = Math.max(...wanted.map(([id, logit]) => Math.abs(got[id] - logit)));
          assert.ok(worst < TOLERANCE, `a logit differs by ${worst}`);
        });
      });
    }
  }
});
