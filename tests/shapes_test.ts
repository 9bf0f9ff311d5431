// This module runs in Deno only.
/** The built-in picture world: its scenes and their pictures. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import {
  BACKGROUNDS,
  COLOURS,
  placeOf,
  PLACES,
  relationOf,
  RELATIONS,
  SHAPES,
  SIZES,
} from "../lib/data/shapes.ts";
import { drawScene } from "../lib/data/shapes_draw.ts";
import { makeScene } from "../lib/data/shapes_scene.ts";
import { pairs, scene, scenes, SEED } from "./scenes.ts";

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return [...digest.subarray(0, 8)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
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
