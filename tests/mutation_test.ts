/** The list of mutations fits the kernels as they stand: `deno task mutate` then shows that tests notice each. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { KERNELS } from "../kernels/mod.ts";
import { sourceFile } from "../lib/backend/webgpu_errors.ts";
import { IN_CI } from "./fixtures.ts";
import { tryMutations } from "./mutation.ts";
import { mutate, MUTATIONS } from "./mutations/mod.ts";

const read = (file: string) => Deno.readTextFileSync(new URL(`../${file}`, import.meta.url));
const gradients = KERNELS.filter(({ name }) => name.includes("_backward"));
const broken = (form: string) =>
  new Set(MUTATIONS.filter((m) => m.form === form).map((m) => m.kernel.split(",")[0]));

describe("mutations", () => {
  it("change each file once, where they say", () => {
    const problems = MUTATIONS.flatMap((mutation) => {
      try {
        mutate(read(mutation.file), mutation);
        return [];
      } catch (error) {
        return [(error as Error).message];
      }
    });
    assert.deepEqual(problems, []);
  });

  it("break every WGSL file of a gradient, its twin and its fast form", () => {
    const files = gradients.flatMap((kernel) => [kernel, ...kernel.variants ?? []]).map(sourceFile);
    const names = [...new Set(files)].map((file) => file.slice("kernels/".length, -".wgsl".length));
    assert.deepEqual(names.filter((name) => !broken("WGSL").has(name)), []);
    assert.deepEqual(gradients.filter(({ name }) => !broken("twin").has(name)).map(({ name }) => name), []);
    const fast = gradients.filter((kernel) => kernel.fast && !broken("fast").has(kernel.name));
    assert.deepEqual(fast.map(({ name }) => name), []);
  });

  it("are noticed: one of each form, and of all by `deno task mutate`", { ignore: !IN_CI }, async () => {
    const sample = ["WGSL", "fast", "twin"].map((form) =>
      MUTATIONS.find((m) => m.form === form && m.kernel === "softmax_backward")!
    );
    for (const { mutation, test } of await tryMutations(sample)) {
      assert.ok(test, `${mutation.form} went unnoticed`);
    }
  });

  it("refuse a change that does not fit", () => {
    const mutation = { kernel: "x", form: "WGSL", file: "x.wgsl", change: ["sign", "a", "b"] } as const;
    assert.throws(() => mutate("aa", mutation), /Cannot break x\.wgsl: "a" is there 2 times, should be once/);
  });
});
