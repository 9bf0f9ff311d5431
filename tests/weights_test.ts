/** Encoders' weights: other people's names, downloads that are cut, wrong or resumed, training that starts from them. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { type FileTensor, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { WEIGHTS } from "../lib/data/weight_sources.ts";
import { downloadWeights } from "../lib/deno/download_weights.ts";
import { planWithWeights } from "../lib/deno/start_weights.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { EncoderName, ModelConfig } from "../lib/models/config.ts";
import { configForWeights, encoderTensors, loadEncoder } from "../lib/models/encoder_weights.ts";
import { parameterToFile } from "../lib/models/model_file.ts";
import { CocoHost, sha256 } from "./coco_host.ts";

const backend = new CpuBackend();
type Tensors = Map<string, FileTensor>;

function configOf(encoder: EncoderName): ModelConfig {
  const sizes = { embedding: 4, hidden: 5, attention: 3, dropout: 0 };
  return { encoder, decoder: "show_tell", ...sizes, preprocessing: { ...DEFAULT_PREPROCESSING, size: 64 } };
}

/** The tensors of an encoder under torchvision's names, with a classifier. */
async function torchvision(encoder: EncoderName): Promise<Tensors> {
  const model = new CaptionModel(backend, configOf(encoder), { words: 5, seed: 3 });
  const tensors: Tensors = new Map();
  for (const parameter of model.parameters.all) {
    const [first, ...rest] = parameter.name.split(".");
    if (first === "encoder") tensors.set(rest.join("."), await parameterToFile(parameter));
  }
  model.dispose();
  const counter: FileTensor = { dtype: "I64", shape: [], data: new BigInt64Array(1) };
  tensors.set("bn1.num_batches_tracked", counter);
  tensors.set("fc.weight", { dtype: "F32", shape: [2, 2], data: new Float32Array(4) });
  tensors.set("classifier.1.bias", { dtype: "F32", shape: [2], data: new Float32Array(2) });
  return tensors;
}

const renamed = (tensors: Tensors, rename: (name: string) => string): Tensors =>
  new Map([...tensors].map(([name, tensor]) => [rename(name), tensor]));
const found = (tensors: Tensors, encoder: EncoderName, metadata = {}) =>
  encoderTensors({ name: "w.pth", metadata, tensors }, encoder);

/** As a Sequential of a ResNet's children numbers them. */
function sequentialResnetName(name: string): string {
  const [child, ...rest] = name.split(".");
  const number = { conv1: 0, bn1: 1, layer1: 4, layer2: 5, layer3: 6, layer4: 7, fc: 9 }[child];
  return [number ?? child, ...rest].join(".");
}

describe("encoderTensors()", () => {
  it("knows torchvision's names bare, behind prefixes, and numbered by a Sequential", async () => {
    const tensors = await torchvision("resnet18");
    const plain = found(tensors, "resnet18");
    assert.equal(plain.tensors.size, tensors.size - 3, "no classifier, no counter");
    assert.equal(plain.tensors.get("encoder.conv1.weight"), tensors.get("conv1.weight"));
    assert.deepEqual(plain.normalisation.mean, DEFAULT_PREPROCESSING.mean);
    const others: ((name: string) => string)[] = [
      (name) => `module.${name}`,
      (name) => `encoder.resnet.${name}`,
      (name) => `module.encoder.cnn.${name}`,
      (name) => `resnet.${sequentialResnetName(name)}`,
      (name) => `module.${sequentialResnetName(name)}`,
    ];
    for (const rename of others) {
      const other = found(renamed(tensors, rename), "resnet18");
      assert.deepEqual(new Set(other.tensors.keys()), new Set(plain.tensors.keys()), rename("conv1.weight"));
    }
  });

  it("names both encoders where a file holds another, and says what it found where it holds none", async () => {
    const tensors = await torchvision("resnet18");
    assert.throws(() => found(tensors, "resnet50"), {
      name: "RangeError",
      message:
        /Cannot start resnet50 with the weights of w\.pth: they are of resnet18, choose --encoder resnet18/,
    });
    const deeper = new Map(tensors).set("layer1.0.conv3.weight", tensors.get("conv1.weight")!);
    for (
      const [block, encoder] of [["layer3.5", "resnet50"], ["layer3.22", "resnet101"], [
        "layer3.23",
        "resnet152",
      ]]
    ) {
      const count = Number(block.split(".")[1]);
      for (let i = 2; i <= count; i++) deeper.set(`layer3.${i}.conv1.weight`, tensors.get("conv1.weight")!);
      assert.throws(() => found(deeper, "tiny"), new RegExp(`they are of ${encoder},`));
    }
    const none = new Map([["a.weight", tensors.get("conv1.weight")!]]);
    assert.throws(
      () => found(none, "resnet18"),
      /it holds none of the encoders .* its tensors are a\.weight/,
    );
  });

  it("gives a model its weights, and refuses those that do not fit with all their names", async () => {
    const tensors = await torchvision("squeezenet1_0");
    const weights = found(tensors, "squeezenet1_0");
    const model = new CaptionModel(backend, configOf("squeezenet1_0"), { words: 5, seed: 4 });
    const first = model.parameters.all.find(({ name }) => name === "encoder.features.3.squeeze.weight")!;
    assert.notDeepEqual(await parameterToFile(first), weights.tensors.get(first.name));
    loadEncoder(model, weights);
    assert.deepEqual(await parameterToFile(first), weights.tensors.get(first.name));

    const fewer: Tensors = new Map(tensors);
    fewer.delete("features.4.squeeze.bias");
    fewer.set("features.5.squeeze.bias", { dtype: "F32", shape: [2], data: new Float32Array(2) });
    assert.throws(
      () => loadEncoder(model, found(fewer, "squeezenet1_0")),
      /features\.4\.squeeze\.bias is missing; encoder\.features\.5\.squeeze\.bias is \[2\], should be \[32\]/,
    );
    const more = new Map(tensors).set(
      "features.13.squeeze.weight",
      tensors.get("features.3.squeeze.weight")!,
    );
    assert.throws(
      () => loadEncoder(model, found(more, "squeezenet1_0")),
      /Cannot start squeezenet1_0 with the weights of w\.pth: it has no features\.13\.squeeze\.weight/,
    );
    model.dispose();
  });

  it("takes Caffe's SqueezeNet and keras' MobileNetV2 with the way they see pictures", () => {
    const tensor = (...shape: number[]): FileTensor => {
      const length = shape.reduce((a, b) => a * b, 1);
      return { dtype: "F32", shape, data: Float32Array.from({ length }, (_, i) => i) };
    };
    const caffe = found(
      new Map([
        ["conv1.weight", tensor(2, 3, 1, 2)],
        ["fire2.conv1x1_1.weight", tensor(1)],
        ["fire9.conv3x3_2.bias", tensor(2)],
        ["conv_final.weight", tensor(3)],
      ]),
      "squeezenet1_0",
    );
    assert.deepEqual([...caffe.tensors.keys()], [
      "encoder.features.0.weight",
      "encoder.features.3.squeeze.weight",
      "encoder.features.12.expand3x3.bias",
    ]);
    const first = caffe.tensors.get("encoder.features.0.weight")!;
    assert.deepEqual([...first.data as Float32Array], [4, 5, 2, 3, 0, 1, 10, 11, 8, 9, 6, 7], "red first");
    const seen = configForWeights(configOf("squeezenet1_0"), caffe).preprocessing;
    assert.deepEqual([seen.size, seen.mean[0] * 255, seen.std[2] * 255], [64, 123, 1]);

    const keras = found(
      new Map([
        ["00.Conv1.weight", tensor(1)],
        ["expanded_conv_project.bias", tensor(2)],
        ["04.block_1_depthwise.weight", tensor(3)],
        ["50.block_16_project.weight", tensor(4)],
        ["51.Conv_1.bias", tensor(5)],
        ["classifier.weight", tensor(6)],
      ]),
      "mobilenet_v2",
    );
    assert.deepEqual([...keras.tensors.keys()], [
      "encoder.features.0.0.weight",
      "encoder.features.1.conv.1.bias",
      "encoder.features.2.conv.1.0.weight",
      "encoder.features.17.conv.2.weight",
      "encoder.features.18.0.bias",
    ]);
    const config = configForWeights(configOf("mobilenet_v2"), keras);
    assert.deepEqual([config.variant, config.preprocessing.std], ["keras", [0.5, 0.5, 0.5]]);
  });
});

describe("downloadWeights()", () => {
  let dir = "";
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));
  const NAME = "resnet18.tv_in1k";
  const PATH = "/timm/resnet18.tv_in1k/resolve/main/model.safetensors";
  const progress = () => ({ update() {}, log() {}, done() {} });
  const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
  const host = () => new CocoHost({ [PATH]: bytes, "/models/resnet34-b627a593.pth": bytes });

  it("goes on after a cut, keeps what it has checked, and asks for nothing twice", async () => {
    await using server = host().fault(PATH, { kind: "cut", after: 100_000 }, 1);
    const job = {
      data: `${dir}/cut`,
      mirror: server.url,
      checksum: await sha256(bytes),
      backoffMs: 1,
      progress,
    };
    const { path } = await downloadWeights(NAME, job);
    assert.equal(path, `${dir}/cut/weights/${NAME}.safetensors`);
    assert.deepEqual(await Deno.readFile(path), bytes);
    assert.deepEqual(server.requests.map(({ range }) => range), [null, "bytes=100000-"]);
    assert.deepEqual(await downloadWeights(NAME, job), { path, receivedBytes: 0 });
    assert.equal(server.requests.length, 2);
    await Deno.writeFile(path, bytes.subarray(1));
    await assert.rejects(
      downloadWeights(NAME, job),
      /Cannot use .*: its SHA-256 is .*; remove it, or trust it/,
    );
  });

  it("resumes what another run left", async () => {
    await using server = host().fault(PATH, { kind: "cut", after: 50_000 }, 1);
    const job = {
      data: `${dir}/resumed`,
      mirror: server.url,
      checksum: await sha256(bytes),
      backoffMs: 1,
      progress,
    };
    await assert.rejects(downloadWeights(NAME, { ...job, attempts: 1 }), /the connection was cut/);
    const { receivedBytes } = await downloadWeights(NAME, job);
    assert.equal(receivedBytes, 250_000);
  });

  it("refuses what is not published: by the whole hash, or by the digits in torchvision's names", async () => {
    await using server = host();
    const job = { data: `${dir}/wrong`, mirror: server.url, progress };
    for (const [name, hash] of [[NAME, WEIGHTS.get(NAME)!.sha256], ["resnet34-b627a593", "b627a593"]]) {
      await assert.rejects(downloadWeights(name, job), {
        name: "DownloadError",
        message: new RegExp(`its SHA-256 is \\w{64}, not ${hash}; if you trust them, .* --checksum`),
      });
    }
    assert.deepEqual([...Deno.readDirSync(`${dir}/wrong/weights`)], [], "and keeps nothing of it");
    const digits = (await sha256(bytes)).slice(0, 8);
    await downloadWeights("resnet34-b627a593", { ...job, checksum: digits });
    await downloadWeights(NAME, { ...job, checksum: "skip" });
    await assert.rejects(
      downloadWeights("resnet7", job),
      /the weights resnet7: known are .*resnet18\.tv_in1k/,
    );
  });

  it("is what the plan of a training starts from", async () => {
    const tensors = renamed(await torchvision("squeezenet1_0"), (name) => `module.${name}`);
    const file = `${dir}/w.safetensors`;
    const parts = serialiseSafetensors({ metadata: {}, tensors });
    await Deno.writeFile(file, new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()));
    const config = configOf("squeezenet1_0");
    const plan = { config, data: { preprocessing: config.preprocessing, other: 1 } };
    const options = { data: dir, weights: file };
    const { weights, recipe } = await planWithWeights(plan, options);
    assert.equal(weights?.tensors.size, tensors.size - 3);
    assert.deepEqual(recipe, { weights: "w.safetensors" });
    assert.deepEqual(await planWithWeights(plan, { data: dir }), { plan, recipe: {} });
    await assert.rejects(
      planWithWeights(plan, { ...options, weights: "resnet50.tv_in1k" }),
      /Cannot read .*weights\/resnet50\.tv_in1k\.safetensors: not found, run `deno task download --weights resnet50/,
    );
    await assert.rejects(
      planWithWeights(plan, { ...options, weights: "resnet" }),
      /name a file, or weights that/,
    );
  });
});
