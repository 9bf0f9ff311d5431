/** Pictures that change from epoch to epoch. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { changePicture, resized } from "../lib/data/augmented.ts";
import { BatchLoader } from "../lib/data/batches.ts";
import { randomPictures } from "./small_model.ts";

describe("changed pictures", () => {
  const changes = { size: 16, flip: true, colour: 0.2, seed: 9 };

  it("are cut from larger ones, by caption and epoch alone", () => {
    const source = randomPictures(20);
    const loader = (batchSize: number) => new BatchLoader(source, { batchSize, seed: 1, changes });
    const byImage = (batchSize: number, epoch: number) => {
      const found = new Map<number, string>();
      for (const { imageIds, pixels } of loader(batchSize).epoch(epoch)) {
        const bytes = 16 * 16 * 3;
        assert.equal(pixels.length, imageIds.length * bytes);
        imageIds.forEach((id, i) => found.set(id, pixels.slice(i * bytes, (i + 1) * bytes).join()));
      }
      return found;
    };
    assert.deepEqual(byImage(4, 0), byImage(10, 0), "whatever batch they are in");
    const [first, second] = [byImage(4, 0), byImage(4, 1)];
    assert.ok([...first].every(([id, pixels]) => second.get(id) !== pixels), "other in each epoch");
    const part = new BatchLoader(source, {
      batchSize: 10,
      seed: 1,
      changes,
      share: { passes: 1, rank: 1, size: 2 },
    });
    const whole = loader(10).batch({ epoch: 0, step: 0 });
    const own = part.batch({ epoch: 0, step: 0 });
    const [{ first: row }] = own.held!;
    assert.deepEqual(
      own.pixels,
      whole.pixels.slice(row * 16 * 16 * 3, row * 16 * 16 * 3 + own.pixels.length),
    );
  });

  it("are parts of the picture, mirrored or not", () => {
    const width = 6;
    const data = Uint8Array.from({ length: width * width * 3 }, (_, i) => i);
    const seen = new Set<string>();
    for (let caption = 0; caption < 200; caption++) {
      const options = { size: 4, flip: true, colour: 0, seed: 1 };
      const part = changePicture({ width, height: width, data }, options, { epoch: 0, caption });
      const [left, right] = [part.data[0], part.data[9]];
      const [corner, mirrored] = left < right ? [left, false] : [right, true];
      assert.equal(Math.abs(left - right), 9, "a row of the part is a row of the picture");
      seen.add(`${corner / 3 % width},${Math.floor(corner / 3 / width)},${mirrored}`);
    }
    assert.equal(seen.size, 3 * 3 * 2, "every place, both ways");
  });

  it("are beside whole ones for validation, brought to the model's size", () => {
    const small = resized(randomPictures(20), 16);
    assert.equal(small.size, 16);
    assert.equal(small.pixels([3, 4]).length, 2 * 16 * 16 * 3);
    assert.equal(resized(small, 16), small);
  });
});
