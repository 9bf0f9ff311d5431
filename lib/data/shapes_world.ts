// This module is browser compatible.
/** A world of pictures as a dataset: its splits, and its captions in COCO's format. */

import { hash32 } from "../random.ts";
import type { SplitName } from "./captions.ts";
import { type Scene, sceneKey } from "./shapes.ts";
import { type DescribeOptions, describeScene } from "./shapes_captions.ts";
import { drawScene } from "./shapes_draw.ts";
import { makeScene } from "./shapes_scene.ts";

/** What makes one world differ from another. */
export interface WorldOptions extends DescribeOptions {
  /** Default 1. */
  readonly seed?: number;
  /** Pictures of each split. Defaults 14,400, 200 and 500. */
  readonly train?: number;
  readonly val?: number;
  readonly test?: number;
  /** Side of the pictures in pixels. Default 64. */
  readonly size?: number;
}

/** A picture of a world. */
export interface WorldPicture {
  /** COCO's image id: the scene's index. */
  readonly id: number;
  readonly fileName: string;
  readonly split: SplitName;
  readonly scene: Scene;
}

/** COCO's caption format, as in its files of 2014. */
export interface CocoCaptions {
  readonly info: { readonly description: string };
  readonly licenses: readonly { readonly id: number; readonly name: string; readonly url: string }[];
  readonly images: readonly {
    readonly id: number;
    readonly file_name: string;
    readonly width: number;
    readonly height: number;
    readonly license: number;
  }[];
  readonly annotations: readonly {
    readonly id: number;
    readonly image_id: number;
    readonly caption: string;
  }[];
}

export const SPLITS = ["train", "val", "test"] as const;

/** Indices of a split's scenes start here, so that its size changes nothing in the others. */
const FIRST: Readonly<Record<SplitName, number>> = { train: 1, val: 1_000_001, test: 2_000_001 };
const MOST = 1_000_000;

/** Options with their defaults filled in. */
export function worldOf(options: WorldOptions = {}): Required<WorldOptions> {
  const { seed = 1, train = 14_400, val = 200, test = 500, size = 64, order = "fixed" } = options;
  for (const [name, count] of Object.entries({ train, val, test })) {
    if (!(Number.isInteger(count) && count >= 0 && count <= MOST)) {
      throw new RangeError(
        `Cannot make a world with ${count} pictures in "${name}": it should be a whole number up to ${MOST}`,
      );
    }
  }
  return { seed, train, val, test, size, order };
}

/** The pictures of a split, in order. No two splits share a scene's index. */
export function* worldPictures(world: Required<WorldOptions>, split: SplitName): Generator<WorldPicture> {
  for (let i = 0; i < world[split]; i++) {
    const id = FIRST[split] + i;
    const scene = makeScene(world.seed, id);
    yield { id, fileName: `shapes_${String(id).padStart(7, "0")}.jpg`, split, scene };
  }
}

/** Captions of pictures in COCO's format. */
export function cocoCaptions(pictures: readonly WorldPicture[], world: Required<WorldOptions>): CocoCaptions {
  return {
    info: { description: `Shapes drawn by code, seed ${world.seed}, order of mention ${world.order}` },
    licenses: [{ id: 1, name: "MIT", url: "https://opensource.org/license/mit" }],
    images: pictures.map(({ id, fileName }) => (
      { id, file_name: fileName, width: world.size, height: world.size, license: 1 }
    )),
    annotations: pictures.flatMap(({ id, scene }) =>
      describeScene(scene, world).map((caption, i) => ({ id: 5 * id + i, image_id: id, caption }))
    ),
  };
}

/** How many of `pictures` show something ({@linkcode sceneKey}) that none of `others` shows. */
export function countUnseen(pictures: readonly WorldPicture[], others: readonly WorldPicture[]): number {
  const seen = new Set(others.map(({ scene }) => sceneKey(scene)));
  return pictures.filter(({ scene }) => !seen.has(sceneKey(scene))).length;
}

/** A number that changes when scenes, drawing or captions do: pictures with another one are out of date. */
export function worldFingerprint({ seed, size, order }: Required<WorldOptions>): number {
  let hash = 0;
  for (let index = 0; index < 12; index++) {
    const scene = makeScene(seed, index);
    const text = new TextEncoder().encode(JSON.stringify([scene, describeScene(scene, { order })]));
    for (const bytes of [text, drawScene(scene, Math.min(size, 64)).data]) {
      for (const byte of bytes) hash = hash32(hash, byte);
    }
  }
  return hash;
}
