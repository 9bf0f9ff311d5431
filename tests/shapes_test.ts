// This module runs in Deno only.
/** The built-in picture world: its scenes, their pictures and captions, and whether a caption is true. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  BACKGROUNDS,
  COLOURS,
  looksLike,
  placeOf,
  PLACES,
  relationOf,
  RELATIONS,
  type Scene,
  sceneKey,
  type SceneObject,
  SHAPES,
  SIZES,
} from "../lib/data/shapes.ts";
import { OPPOSITE } from "../lib/data/shapes_language.ts";
import { describeScene } from "../lib/data/shapes_captions.ts";
import { checkCaption, scoreTruth } from "../lib/data/shapes_check.ts";
import { drawScene } from "../lib/data/shapes_draw.ts";
import { makeScene } from "../lib/data/shapes_scene.ts";
import { readCaption } from "../lib/data/shapes_grammar.ts";
import { parseCaptions } from "../lib/data/coco.ts";
import { decodeFile } from "../lib/deno/decode.ts";
import { readScenes, writeWorld } from "../lib/deno/shapes_disk.ts";

const SEED = 7;
const scenes = Array.from({ length: 2000 }, (_, index) => makeScene(SEED, index));
const pairs = scenes.filter(({ objects: [a, b] }) => b && !looksLike(a, b));

/** "big red ring" at a place, for scenes that can be checked by hand. */
function object(name: string, x: number, y: number): SceneObject {
  const [size, colour, shape] = name.split(" ") as [
    SceneObject["size"],
    SceneObject["colour"],
    SceneObject["shape"],
  ];
  return { size, colour, shape, x, y, radius: 0.1, angle: 0 };
}

function scene(...objects: SceneObject[]): Scene {
  return { seed: 1, index: 1, background: "plain", objects };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Of two that look alike, each is left of or above the other in words: turning the relation round stays true. */
function isTurnedTwin({ objects: [a, b] }: Scene, caption: string, mutant: string): boolean {
  if (!b || !looksLike(a, b)) return false;
  const turned = Object.entries(OPPOSITE).map(([relation, opposite]) => caption.replace(relation, opposite));
  return turned.includes(mutant);
}

describe("makeScene()", () => {
  it("depends on seed and index alone", () => {
    assert.deepEqual(makeScene(SEED, 1234), scenes[1234]);
    assert.notDeepEqual(makeScene(SEED + 1, 1234).objects, scenes[1234].objects);
    assert.equal(new Set(scenes.map((scene) => JSON.stringify(scene.objects))).size, scenes.length);
    assert.throws(() => makeScene(1, -1), /Cannot make scene -1: an index is a whole number/);
  });

  it("makes one object, two that look alike, and two different ones in their shares", () => {
    const two = scenes.filter(({ objects }) => objects.length === 2);
    const near = (count: number, share: number) => Math.abs(count / scenes.length - share) < 0.03; // 3 deviations
    assert.ok(near(scenes.length - two.length, 0.3), `${two.length} of two objects`);
    assert.ok(near(two.length - pairs.length, 0.08), `${two.length - pairs.length} of two alike`);
    assert.ok(two.length >= scenes.length / 2);
  });

  it("uses every colour, shape, size, relation, place and background often", () => {
    const objects = scenes.flatMap(({ objects }) => objects);
    const often = <T>(names: readonly T[], found: readonly T[]) => {
      for (const name of names) {
        const share = found.filter((other) => other === name).length / found.length;
        assert.ok(share > 0.8 / names.length, `${name} is ${share} of ${found.length}`);
      }
    };
    often(COLOURS, objects.map(({ colour }) => colour));
    often(SHAPES, objects.map(({ shape }) => shape));
    often(SIZES, objects.map(({ size }) => size));
    often(BACKGROUNDS, scenes.map(({ background }) => background));
    often(PLACES, scenes.filter(({ objects }) => objects.length === 1).map(({ objects: [a] }) => placeOf(a)));
    const relations = pairs.flatMap(({ objects: [a, b] }) => [relationOf(a, b), relationOf(b, a)]);
    often(RELATIONS, relations);
  });

  it("keeps objects inside the picture, apart, and clearly on one side of each other", () => {
    for (const { objects } of scenes) {
      for (const { x, y, radius } of objects) {
        assert.ok(
          Math.min(x, y) - radius >= 0.015 && Math.max(x, y) + radius <= 0.985,
          JSON.stringify(objects),
        );
      }
      const [a, b] = objects;
      if (!b) continue;
      const [near, far] = [Math.abs(a.x - b.x), Math.abs(a.y - b.y)].sort((p, q) => p - q);
      assert.ok(far - a.radius - b.radius >= 0.045, `they overlap: ${JSON.stringify(objects)}`);
      assert.ok(near <= 0.36 * far, `they lie aslant: ${JSON.stringify(objects)}`);
      assert.ok(["left of", "above"].includes(relationOf(a, b)), "the left or upper one comes first");
    }
  });

  it("puts a single object clearly into one place", () => {
    for (const { objects } of scenes.filter(({ objects }) => objects.length === 1)) {
      const offsets = [objects[0].x, objects[0].y].map((at) => Math.abs(at - 0.5)).sort((p, q) => p - q);
      assert.ok(offsets[0] <= 0.101 && offsets[1] >= 0.239, `${offsets}`);
    }
  });
});

describe("drawScene()", () => {
  it("draws the same bytes everywhere", async () => {
    const hashes = await Promise.all(
      scenes.slice(0, 40).map(async (scene) => {
        const { width, height, data } = drawScene(scene);
        assert.deepEqual([width, height, data.length], [64, 64, 64 * 64 * 3]);
        return await sha256(new Uint8Array(data));
      }),
    );
    assert.equal(new Set(hashes).size, 40);
    assert.equal(await sha256(new TextEncoder().encode(hashes.join())), "7b130cc4685a4350");
  });

  it("paints each object in its colour, at its place, at any size", () => {
    for (const [size, count] of [[48, 100], [64, 100], [200, 20]]) {
      for (const scene of scenes.slice(0, count)) {
        const { data } = drawScene(scene, size);
        for (const { x, y, radius, shape, colour } of scene.objects) {
          const up = shape === "ring" ? 0.72 * radius : 0; // to the middle of its band
          const at = 3 * (Math.floor((y - up) * size) * size + Math.floor(x * size));
          assert.equal(
            nearestColour(data.subarray(at, at + 3)),
            colour,
            `${JSON.stringify(scene)} at ${size}`,
          );
        }
      }
    }
  });

  it("tells shapes and sizes apart by their area", () => {
    const area = (name: string) => {
      const [size, colour, shape] = name.split(" ");
      const found =
        pairs.find(({ objects: [a] }) => a.size === size && a.shape === shape && a.colour !== colour)!
          .objects[0];
      const { data } = drawScene(scene({ ...found, colour: "red", x: 0.5, y: 0.5 }), 128);
      let count = 0;
      for (let i = 0; i < data.length; i += 3) count += Number(data[i] - data[i + 1] > 70);
      return count / 128 ** 2;
    };
    for (const shape of SHAPES) {
      const ratio = area(`big blue ${shape}`) / area(`small blue ${shape}`);
      assert.ok(ratio > 1.8 && ratio < 3.2, `${shape}: ${ratio}`);
    }
  });
});

/** The colour name nearest to a pixel, by paints written down anew here. */
function nearestColour([red, green, blue]: Uint8Array): string {
  const paints = { red: [220, 30, 40], orange: [250, 135, 20], yellow: [250, 225, 40], green: [40, 170, 65] };
  const all = Object.entries({
    ...paints,
    blue: [35, 85, 225],
    purple: [150, 50, 190],
    gray: [170, 170, 170],
  });
  const distance = ([r, g, b]: number[]) => Math.hypot(r - red, g - green, b - blue);
  return all.reduce((best, next) => distance(next[1]) < distance(best[1]) ? next : best)[0];
}

describe("describeScene()", () => {
  it("gives five different captions, each true and complete", () => {
    for (const scene of scenes) {
      for (const order of ["fixed", "free"] as const) {
        const captions = describeScene(scene, { order });
        assert.equal(new Set(captions).size, 5);
        for (const caption of captions) {
          const { facts, ...verdict } = checkCaption(scene, caption);
          const expected = { readable: true, complete: true, true: true };
          assert.deepEqual(verdict, expected, `${sceneKey(scene)}: ${caption}`);
          assert.ok(facts.stated === facts.correct && facts.stated >= 4);
        }
      }
    }
  });

  it("uses few, plain words and short sentences", () => {
    const captions = scenes.flatMap((scene) => describeScene(scene));
    const words = captions.map((caption) => caption.split(" "));
    const vocabulary = new Set(words.flat());
    assert.ok(vocabulary.size >= 30 && vocabulary.size <= 60, `${vocabulary.size} words`);
    assert.ok([...vocabulary].every((word) => /^[a-z]+$/.test(word)));
    assert.equal(Math.max(...words.map(({ length }) => length)), 12);
    assert.ok(words.flat().length / words.length < 10);
  });

  it("names the left or upper object first, or either where the order is free", () => {
    const first = (scene: Scene, caption: string) => {
      const at = ({ size, colour, shape }: SceneObject) => caption.indexOf(`${size} ${colour} ${shape}`);
      return at(scene.objects[0]) < at(scene.objects[1]);
    };
    const fixed = pairs.flatMap((scene) => describeScene(scene).map((caption) => first(scene, caption)));
    assert.ok(fixed.every(Boolean));
    const free = pairs.flatMap((scene) =>
      describeScene(scene, { order: "free" }).map((caption) => first(scene, caption))
    );
    const share = free.filter(Boolean).length / free.length;
    assert.ok(share > 0.45 && share < 0.55, `${share} name the first object first`);
  });
});

describe("readCaption()", () => {
  it("reads claims off a caption's words", () => {
    assert.deepEqual(readCaption("right of a big red ring is an orange star"), {
      phrases: [
        { count: 1, counted: false, size: "big", colour: "red", shape: "ring" },
        { count: 1, counted: false, colour: "orange", shape: "star" },
      ],
      relation: "left of", // the ring, seen from the star
    });
    assert.deepEqual(readCaption(["two", "small", "blue", "stars", "side", "by", "side"]), {
      phrases: [{ count: 2, counted: true, size: "small", colour: "blue", shape: "star" }],
      arrangement: "row",
    });
  });

  it("refuses what is no sentence of the world", () => {
    const sentences = [
      "",
      "ring",
      "a ring",
      "a red",
      "a big red ring left of",
      "a big red ring left a small blue star",
      "a big big red ring on the left",
      "a red big ring on the left",
      "a big red ring on the left on the left",
      "a big red rings on the left",
      "two big red ring side by side",
      "a big pink ring on the left",
      "a big red ring above it",
      "a orange ring on the left",
      "A big red ring on the left",
      "a big red ring on the left .",
      "<unk> big red ring on the left",
    ];
    for (const sentence of sentences) assert.equal(readCaption(sentence), undefined, sentence);
  });

  it("reads parts that are put together anew", () => {
    const readable = [
      "here is a red ring above a blue star",
      "one red ring is on the left",
      "a red ring",
    ];
    for (const caption of readable) assert.ok(readCaption(caption), caption);
  });
});

describe("checkCaption()", () => {
  const redAboveBlue = scene(object("big red ring", 0.5, 0.2), object("small blue star", 0.5, 0.8));
  const check = (scene: Scene, caption: string) => {
    const { true: holds, complete, facts } = checkCaption(scene, caption);
    return [holds, complete, facts.correct, facts.stated];
  };

  it("counts facts that can be counted by hand", () => {
    assert.deepEqual(check(redAboveBlue, "a big red ring above a small blue star"), [true, true, 7, 7]);
    assert.deepEqual(check(redAboveBlue, "a red ring above a blue star"), [true, true, 5, 5]);
    assert.deepEqual(check(redAboveBlue, "a small blue star is below a big red ring"), [true, true, 7, 7]);
    assert.deepEqual(check(redAboveBlue, "a big red ring below a small blue star"), [false, true, 6, 7]);
    assert.deepEqual(check(redAboveBlue, "a big red ring above a big green star"), [false, true, 5, 7]);
    assert.deepEqual(check(redAboveBlue, "a big red ring at the top"), [false, false, 4, 4]);
    assert.deepEqual(check(redAboveBlue, "a big red ring and a small blue star"), [false, false, 6, 6]);
    assert.deepEqual(check(redAboveBlue, "no such sentence"), [false, false, 0, 0]);
  });

  it("is not fooled by one object named twice, or by one too many", () => {
    const redLeftOfBlue = scene(object("big red ring", 0.2, 0.5), object("big blue ring", 0.8, 0.5));
    assert.deepEqual(check(redLeftOfBlue, "a big red ring left of a big red ring"), [false, true, 6, 7]);
    // The colour of one, and the count.
    assert.deepEqual(check(redLeftOfBlue, "two big red rings side by side"), [false, true, 3, 5]);
    const one = scene(object("big red ring", 0.2, 0.5));
    assert.deepEqual(check(one, "a big red ring on the left"), [true, true, 4, 4]);
    assert.deepEqual(check(one, "a big red ring left of a big red ring"), [false, true, 3, 7]);
    assert.deepEqual(check(one, "two big red rings side by side"), [false, true, 0, 5]);
  });

  it("knows two objects that look alike", () => {
    const twins = scene(object("small red star", 0.2, 0.5), object("small red star", 0.8, 0.5));
    assert.deepEqual(check(twins, "two small red stars side by side"), [true, true, 5, 5]);
    assert.deepEqual(check(twins, "a pair of red stars side by side"), [true, true, 4, 4]);
    assert.deepEqual(check(twins, "a small red star right of a small red star"), [true, true, 7, 7]);
    assert.deepEqual(check(twins, "two small red stars one above the other"), [false, true, 4, 5]);
    assert.deepEqual(check(twins, "two small red stars"), [false, false, 4, 4]);
    assert.deepEqual(check(twins, "one small red star on the left"), [false, false, 4, 5]);
  });

  it("finds every caption false in which one word that matters is another", () => {
    const groups: string[][] = [
      [...COLOURS],
      [...SHAPES],
      SHAPES.map((shape) => `${shape}s`),
      [...SIZES],
      ["left of", "right of", "above", "below"],
      ["on the left", "on the right", "at the top", "at the bottom"],
      ["side by side", "one above the other"],
    ];
    let mutants = 0;
    for (const scene of scenes.slice(0, 500)) {
      for (const caption of describeScene(scene, { order: "free" })) {
        for (const mutant of mutations(caption, groups)) {
          if (isTurnedTwin(scene, caption, mutant)) continue;
          mutants++;
          assert.equal(checkCaption(scene, mutant).true, false, `${sceneKey(scene)}: ${mutant}`);
        }
      }
    }
    assert.ok(mutants > 40_000, `${mutants} mutants`);
  });

  it("gives shares over many captions", () => {
    const captions = ["a big red ring above a small blue star", "a big red ring below a small blue star"];
    const checks = captions.map((caption) => checkCaption(redAboveBlue, caption));
    assert.deepEqual(scoreTruth(checks), { truth: 0.5, facts: 13 / 14 });
  });
});

/** Captions in which one word of a group, at one place, is another of its group. */
function* mutations(caption: string, groups: readonly (readonly string[])[]): Generator<string> {
  for (const group of groups) {
    for (const word of group) {
      for (
        let at = ` ${caption} `.indexOf(` ${word} `);
        at >= 0;
        at = ` ${caption} `.indexOf(` ${word} `, at + 1)
      ) {
        // "above" inside "one above the other" is no relation.
        if (caption.slice(at - 4).startsWith("one above the other")) continue;
        for (const other of group) {
          if (other !== word) yield caption.slice(0, at) + other + caption.slice(at + word.length);
        }
      }
    }
  }
}

describe("writeWorld()", () => {
  const options = { seed: 3, train: 60, val: 5, test: 20, size: 32 };
  const inFolder = (body: (dir: string) => Promise<void>) => async () => {
    const dir = await Deno.makeTempDir();
    try {
      await body(dir);
    } finally {
      await Deno.remove(dir, { recursive: true });
    }
  };
  const readJson = async (path: string) => JSON.parse(await Deno.readTextFile(path));
  const names = async (dir: string) =>
    (await Array.fromAsync(Deno.readDir(dir))).map(({ name }) => name).sort();

  it(
    "writes pictures, COCO captions and the scenes behind them",
    inFolder(async (dir) => {
      const report = await writeWorld(dir, options);
      assert.deepEqual([report.pictures, report.made, report.test], [85, 85, 20]);
      assert.deepEqual(await names(dir), ["annotations", "img", "scenes.json", "world.json"]);
      const scenes = await readScenes(dir);
      assert.equal(scenes.size, 85);
      for (const [split, count] of [["train", 60], ["val", 5], ["test", 20]] as const) {
        const source = `${dir}/annotations/captions_${split}.json`;
        const { images, captions } = parseCaptions(await readJson(source), { source });
        assert.equal(images.length, count);
        for (const { id, width, height } of images) {
          assert.deepEqual([width, height], [32, 32]);
          const found = captions.get(id) ?? [];
          assert.equal(found.length, 5);
          for (const caption of found) assert.ok(checkCaption(scenes.get(id)!, caption).true, caption);
        }
        // A picture is its scene's: JPEG at quality 92 changes a channel by 4 on average here.
        const picture = await decodeFile(`${dir}/img/${images[0].fileName}`);
        const drawn = drawScene(scenes.get(images[0].id)!, 32);
        const change = drawn.data.reduce((sum, byte, i) => sum + Math.abs(byte - picture.data[i]), 0);
        assert.ok(change / drawn.data.length < 8, `${change / drawn.data.length}`);
      }
    }),
  );

  it(
    "keeps what is there of the same world, and only that",
    inFolder(async (dir) => {
      await writeWorld(dir, options);
      assert.equal((await writeWorld(dir, options)).made, 0);
      // As a run leaves it that was stopped: pictures missing, one half-written, no manifest yet.
      await Deno.rename(`${dir}/world.json`, `${dir}/world.json.part`);
      for (const id of [3, 4]) await Deno.remove(`${dir}/img/shapes_000000${id}.jpg`);
      await Deno.writeTextFile(`${dir}/img/shapes_0000004.jpg.part`, "half");
      const calls: number[][] = [];
      const onProgress = (done: number, total: number) => calls.push([done, total]);
      assert.equal((await writeWorld(dir, { ...options, onProgress })).made, 2);
      assert.deepEqual(calls, [[2, 2]]);
      assert.equal((await names(`${dir}/img`)).length, 85);
      // Another world takes its place; a file that is none of ours stays.
      await Deno.writeTextFile(`${dir}/img/notes.txt`, "mine");
      assert.equal((await writeWorld(dir, { ...options, seed: 4, train: 10 })).made, 35);
      assert.equal((await names(`${dir}/img`)).length, 36);
      assert.equal((await readScenes(dir)).size, 35);
    }),
  );

  it(
    "says what is wrong with a folder or a size",
    inFolder(async (dir) => {
      await assert.rejects(readScenes(dir), /scenes.json: not found, run `deno task demo`/);
      await assert.rejects(writeWorld(dir, { train: -1 }), /Cannot make a world with -1 pictures in "train"/);
      await Deno.writeTextFile(`${dir}/file`, "");
      await assert.rejects(writeWorld(`${dir}/file`, options), /Cannot write into the folder .*file/);
    }),
  );
});
