/** What self-critical training warns of. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { CollapseGuard } from "../lib/train/collapse.ts";

describe("the collapse guard", () => {
  const reference = (i: number) => `a ${["red", "blue", "big"][i % 3]} ring number ${i}`.split(" ");
  const warnings = (caption: (i: number) => string[], finished = true) => {
    const guard = new CollapseGuard();
    for (let i = 0; i < 40; i++) guard.add({ words: caption(i), finished }, reference(i));
    return guard.take()!.warnings.join("\n");
  };

  it("has nothing to say of captions like the references", () => {
    assert.equal(warnings(reference), "");
  });

  it("warns of captions that break off, repeat themselves, grow, shrink or are all one", () => {
    assert.match(
      warnings((i) => [...reference(i).slice(0, 4), `${i}`, "on", "a"]),
      /100 % of the captions break off/,
    );
    assert.match(warnings(reference, false), /break off, 0 % of the references do/);
    const twice = (i: number) => [...`the ${i} red ring`.split(" "), ...`the ${i} red`.split(" ")];
    assert.match(warnings(twice), /say three words twice/);
    assert.match(
      warnings((i) => [...reference(i), ...reference(i + 1)]),
      /captions have 10.0 words, references 5.0/,
    );
    assert.match(warnings((i) => [`${i}`]), /won by length/);
    assert.match(warnings(() => reference(0)), /only 3 % of the captions differ, 100 %/);
  });

  it("begins anew after each look, and says nothing of a few captions", () => {
    const guard = new CollapseGuard();
    assert.equal(guard.take(), undefined);
    for (let i = 0; i < 8; i++) guard.add({ words: ["a"], finished: true }, reference(i));
    assert.deepEqual(guard.take(), {
      habits: { badEndings: 1, repeats: 0, length: 1, unique: 1 / 8 },
      warnings: [],
    });
    assert.equal(guard.take(), undefined);
  });
});
