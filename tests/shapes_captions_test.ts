// This module runs in Deno only.
/** The picture world's captions, and whether a caption is true. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  COLOURS,
  looksLike,
  type Scene,
  sceneKey,
  type SceneObject,
  SHAPES,
  SIZES,
} from "../lib/data/shapes.ts";
import { OPPOSITE } from "../lib/data/shapes_language.ts";
import { describeScene } from "../lib/data/shapes_captions.ts";
import { checkCaption, scoreTruth } from "../lib/data/shapes_check.ts";
import { readCaption } from "../lib/data/shapes_grammar.ts";
import { pairs, scene, scenes } from "./scenes.ts";

/** "big red ring" at a place, for scenes that can be checked by hand. */
function object(name: string, x: number, y: number): SceneObject {
  const [size, colour, shape] = name.split(" ") as [
    SceneObject["size"],
    SceneObject["colour"],
    SceneObject["shape"],
  ];
  return { size, colour, shape, x, y, radius: 0.1, angle: 0 };
}

/** Of two that look alike, each is left of or above the other in words: turning the relation round stays true. */
function isTurnedTwin({ objects: [a, b] }: Scene, caption: string, mutant: string): boolean {
  if (!b || !looksLike(a, b)) return false;
  const turned = Object.entries(OPPOSITE).map(([relation, opposite]) => caption.replace(relation, opposite));
  return turned.includes(mutant);
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
