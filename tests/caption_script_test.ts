// This module runs in Deno only.
/** `caption` as a person runs it: which model, how many captions, where its answers go. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { END } from "../lib/text/vocabulary.ts";
import { task } from "./commands.ts";
import { FIXTURES, lacksFixture } from "./fixtures.ts";
import { latin1 } from "./pictures.ts";
import { changedModel, dir, file, good, lines, model, prepare, trainOn } from "./small_run.ts";

/** A GIF of 2 × 2 pixels and a colour a frame. After each two pixels the code table is cleared: codes keep 3 bits. */
function gif(...colours: readonly (readonly [number, number, number])[]): Uint8Array {
  const palette = [...colours, [0, 0, 0], [0, 0, 0], [0, 0, 0]].slice(0, 4).flat();
  const frames = colours.flatMap((_, i) => {
    const codes = [4, i, i, 4, i, i, 5];
    const bits = codes.reduce((sum, code, at) => sum | code << (3 * at), 0);
    const data = [bits & 255, bits >> 8 & 255, bits >> 16 & 255];
    return [0x21, 0xf9, 4, 0, 10, 0, 0, 0, 0x2c, 0, 0, 0, 0, 2, 0, 2, 0, 0, 2, data.length, ...data, 0];
  });
  return Uint8Array.from([...latin1("GIF89a"), 2, 0, 2, 0, 0x81, 0, 0, ...palette, ...frames, 0x3b]);
}

describe("caption", () => {
  beforeAll(prepare);
  afterAll(() => Deno.remove(dir, { recursive: true }));

  it("shows no attention of a model that has none", async () => {
    const into = ["--decoder", "show_tell", "--steps", "1"];
    const { code } = await task("train", ...trainOn({ out: "blind" }), ...into);
    assert.equal(code, 0);
    const blind = `${dir}/blind/model.safetensors`;
    const { code: refused, stderr } = await task(
      "caption",
      "--model",
      blind,
      "--attention",
      `${dir}/a.html`,
      good,
    );
    assert.equal(refused, 1);
    assert.match(
      stderr,
      /^Cannot show where .*blind\/model\.safetensors looked: its decoder is show_tell, .* leave out/m,
    );
  });

  it("refuses a folder for its page before it looks at a picture", async () => {
    const { code, stdout, stderr } = await task(
      "caption",
      "--model",
      model,
      "--attention",
      `${dir}/photos`,
      good,
    );
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, /^Cannot write .*photos: it is a folder, name a file in it$/m);
  });

  it("says to people on stderr what went wrong and keeps stdout for captions", async () => {
    const { code, stdout, stderr } = await task(
      "caption",
      "--model",
      model,
      `${dir}/none.jpg`,
      good,
      "--device",
      "auto",
    );
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^${good}: \\S[^\n]*\n$`));
    assert.match(stderr, /^captioning with [^\n]+\nCannot read [^\n]+\n$/, "and drivers say nothing");
  });

  it("takes the newest of two models, and names the command that makes one where there is none", async () => {
    const data = `${dir}/models`;
    await Deno.mkdir(`${data}/demo`, { recursive: true });
    const paths = [`${data}/model.safetensors`, `${data}/demo/model.safetensors`];
    const caption = () => task("caption", "--data", data, "--device", "cpu", good);
    const none = await caption();
    assert.deepEqual([none.code, none.stdout], [1, ""]);
    assert.match(none.stderr, /Cannot find a model in .*: run `deno task demo`/);
    for (const path of paths) await Deno.copyFile(model, path);
    for (const newest of paths) {
      for (const path of paths) await Deno.utime(path, 0, path === newest ? 2000 : 1000);
      assert.match((await caption()).stderr, new RegExp(`^captioning with ${newest} on`));
    }
  });

  it("never says nothing, and finds out first whether its page can be written", async () => {
    const silent = await changedModel("silent", ({ tensors }) => {
      const { shape, data } = tensors.get("decoder.fc.bias")!;
      const bias = Float32Array.from(data as Float32Array);
      bias[END] = 1000; // it wants to end at once
      return { tensors: new Map(tensors).set("decoder.fc.bias", { dtype: "F32", shape, data: bias }) };
    });
    const { stdout } = await task("caption", "--model", silent, "--device", "cpu", good);
    assert.match(stdout, /^\S+\n$/, "one word, since none would be no caption");
    const page = await task("caption", "--model", model, "--attention", `${good}/page.html`, good);
    assert.deepEqual([page.code, page.stdout], [1, ""]);
    assert.match(page.stderr, /^Cannot write into the folder .*100\.jpg/);
  });

  it("reads an animated GIF's first frame", async () => {
    const [red, blue] = [[250, 10, 10], [10, 10, 250]] as const;
    const pictures = [
      await file("still.gif", gif(red)),
      await file("moving.gif", gif(red, blue)),
      await file("other.gif", gif(blue, red)),
    ];
    const { code, stdout } = await task(
      "caption",
      "--json",
      "--model",
      model,
      "--device",
      "cpu",
      ...pictures,
    );
    assert.equal(code, 0, stdout);
    const [still, moving, other] = lines(stdout).map((line) => ({ ...JSON.parse(line), image: "" }));
    assert.deepEqual(moving, still);
    assert.notEqual(other.score, still.score);
  });

  const captionJson = ["caption", "--json", "--device", "cpu", "--model"] as const;

  interface Written {
    caption: string;
    logProbability: number;
    words: { word: string; probability: number }[];
  }

  it("gives as many candidates as asked for, though the beam is narrower", async () => {
    const { stdout } = await task(...captionJson, model, "--beam", "1", "--candidates", "3", good);
    const { image: _, candidates, ...best } = JSON.parse(stdout) as Written & {
      image: string;
      candidates: Written[];
    };
    assert.ok(candidates.length > 1, stdout);
    assert.equal(new Set(candidates.map(({ caption }) => caption)).size, candidates.length);
    assert.deepEqual(candidates[0], best);
    for (const { caption, logProbability, words } of candidates) {
      assert.equal(words.map(({ word }) => word).join(" "), caption);
      const logs = words.map(({ probability }) => Math.log(probability));
      const sum = logs.reduce((total, log) => total + log, 0);
      assert.ok(logProbability <= sum + 1e-4, `with its end ${logProbability}, without ${sum}`);
    }
  });

  it("says so where the search finds fewer candidates than asked for", async () => {
    const { code, stdout, stderr } = await task(
      ...captionJson,
      ...[model, "--candidates", "100", "--max-length", "1", good],
    );
    assert.equal(code, 0);
    const { candidates } = JSON.parse(stdout) as { candidates: Written[] };
    assert.ok(candidates.length < 100);
    assert.match(stderr, new RegExp(`found ${candidates.length} captions, 100 were asked for`));
  });

  it(
    "takes 150 photographs at once, in their order, with progress on stderr",
    { ignore: lacksFixture("data/coco/photos") },
    async () => {
      const folder = `${FIXTURES}/data/coco/photos`;
      const paths = [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`).slice(0, 150);
      const { code, stdout, stderr } = await task("caption", "--model", model, "--device", "cpu", ...paths);
      assert.equal(code, 0, stderr);
      assert.deepEqual(lines(stdout).map((line) => line.slice(0, line.indexOf(": "))), paths);
      assert.match(stderr, /\nCaptioning: 150 pictures in /);
    },
  );
});
