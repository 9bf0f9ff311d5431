/** `prepare --features` as a command: killed at any moment it goes on, and ends with the same bytes. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { command, task, TINY, writeCoco } from "./commands.ts";

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

describe("prepare --features", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await Deno.makeTempDir();
    await writeCoco(folder);
  });
  afterAll(() => Deno.remove(folder, { recursive: true }));

  const args = (name: string, ...more: string[]) => [
    ...[
      "--annotations",
      `${folder}/captions.json`,
      "--images",
      `${folder}/photos`,
      "--data",
      `${folder}/${name}`,
    ],
    ...["--min-count", "1", "--features", "--device", "cpu", "--batch", "1", "--size", "512", ...more],
  ];
  /** The one folder of features in a data folder. */
  const cacheOf = (name: string) => {
    const [entry] = Deno.readDirSync(`${folder}/${name}/features`);
    return `${folder}/${name}/features/${entry.name}`;
  };

  /** Starts the command, and kills it as soon as the index names `pictures`. */
  async function killAt(name: string, pictures: number): Promise<void> {
    await Deno.mkdir(`${folder}/${name}/features`, { recursive: true });
    using events = Deno.watchFs(`${folder}/${name}/features`);
    const child = command("prepare", args(name)).spawn();
    const output = Promise.all([child.stdout, child.stderr].map((stream) => new Response(stream).text()));
    const ended = child.status.then(() => events[Symbol.dispose]()); // or the loop would wait for ever
    for await (const _ of events) {
      if (linesOf(name) <= pictures) continue; // the first line is the header
      child.kill("SIGKILL");
      break;
    }
    await ended;
    assert.equal((await child.status).signal, "SIGKILL", (await output).join("\n"));
  }
  const linesOf = (name: string) => {
    try {
      return Deno.readTextFileSync(`${cacheOf(name)}/index.jsonl`).split("\n").length - 1;
    } catch {
      return 0; // not there yet
    }
  };

  it("goes on after SIGKILL and makes what an uninterrupted run makes, byte for byte", async () => {
    const whole = await task("prepare", ...args("whole"));
    assert.equal(whole.code, 0, whole.stderr);
    assert.match(whole.stderr, /^warning: tiny has random weights, .* with --weights$/m);
    assert.match(whole.stdout, /features: 4096 × 256 f16 of 12 photos made now, 0 before/);
    await killAt("killed", 1);
    const before = linesOf("killed") - 1;
    assert.ok(before > 0 && before < 12, `${before}`);
    const resumed = await task("prepare", ...args("killed"));
    assert.match(resumed.stdout, new RegExp(`of ${12 - before} photos made now, ${before} before`));
    for (const file of ["features.f16", "index.jsonl"]) {
      const [a, b] = ["whole", "killed"].map((name) => Deno.readFileSync(`${cacheOf(name)}/${file}`));
      assert.equal(sha256(b), sha256(a), file);
    }
    const again = await task("prepare", ...args("killed", "--json"));
    const { features: { added, kept, damaged } } = JSON.parse(again.stdout);
    assert.deepEqual([added, kept, damaged], [0, 12, 0]);
  });

  it("is found by train where the encoder is frozen, and refused where it is not; the model captions pixels", async () => {
    const data = ["--annotations", `${folder}/captions.json`, "--images", `${folder}/photos`];
    const train = (out: string, ...more: string[]) =>
      task(
        "train",
        ...TINY,
        ...data,
        "--data",
        `${folder}/small`,
        "--out",
        `${folder}/${out}`,
        ...["--steps", "4", "--blas", "off"],
        ...more,
      );
    const trained = await train("a", "--features", "on");
    assert.equal(trained.code, 2);
    assert.match(
      trained.stderr,
      /Cannot train on features: the encoder is trained .* freeze it with --fine-tune none/,
    );
    const made = await train("b", "--fine-tune", "none", "--features", "on", "--features-type", "f32");
    assert.match(made.stderr, /features 4 × 256 f32 of 12 pictures, from memory/);
    for (const [out, blocks] of [["c", "none"], ["e", "0"]]) {
      const found = await train(out, "--fine-tune", blocks);
      assert.match(found.stderr, /features 4 × 256 f32 of 12 pictures, from memory/, blocks);
    }
    const pixels = await train("d", "--fine-tune", "none", "--features", "off");
    assert.doesNotMatch(pixels.stderr, /features/);
    // f32 features are as good as pixels, to the byte; a system's BLAS may round them otherwise in another batch
    const models = ["b", "c", "d"].map((out) =>
      sha256(Deno.readFileSync(`${folder}/${out}/model.safetensors`))
    );
    assert.deepEqual([models[1], models[2]], [models[0], models[0]]);
    const written = await task(
      "caption",
      "--model",
      `${folder}/b/model.safetensors`,
      `${folder}/photos/100.jpg`,
    );
    assert.equal(written.code, 0, written.stderr);
  });
});
