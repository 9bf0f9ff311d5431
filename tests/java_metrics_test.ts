// This module runs in Deno only.
/** METEOR and SPICE through programs that speak as their jars do. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { javaScores, meteor, spice } from "../lib/deno/java_metrics.ts";

/** Programs that speak as the jars do, so that the protocol is tested without Java. */
const STANDS_INS = {
  meteor: `while IFS= read -r line; do
  case "$line" in
    SCORE*) n=$((n + 1)); echo "1 2 $n" ;;
    EVAL*) echo "$line" | tr '|' '\\n' | grep -c '1 2' | sed 's/.*/0.&/'; i=1
      while [ $i -le $n ]; do echo "0.5"; i=$((i + 1)); done ;;
  esac
done`,
  spice: `for argument in "$@"; do
  case "$last" in -out) out=$argument ;; esac; last=$argument
done
echo '[{"image_id":1,"scores":{"All":{"f":0.5}}},{"image_id":0,"scores":{"All":{"f":0.25}}}]' > "$out"`,
  silent: "exit 0",
  lazy: `for argument in "$@"; do
  case "$last" in -out) echo '[{"image_id":1,"scores":{"All":{"f":0.5}}}]' > "$argument" ;; esac; last=$argument
done`,
  lacking: "echo 'java.lang.NoClassDefFoundError: edu/stanford/nlp/Some' >&2; exit 1",
  dying: `read -r line; echo "Error: no heap" >&2; exit 3`,
};

describe("METEOR and SPICE by their own programs", { ignore: Deno.build.os === "windows" }, () => {
  const references = new Map([[1, ["a dog", "the dog"]], [2, ["a cat"]]]);
  const results = [{ image_id: 1, caption: "a dog" }, { image_id: 2, caption: "a cat" }];
  const evaluation = evaluateResults(references, results, { samples: 1 });

  it("are spoken to over a pipe", async () => {
    await withStandIn("meteor", async (options) => {
      const { score, perImage, signature } = await meteor(evaluation, options);
      assert.deepEqual([...perImage], [0.2, 0.5]); // "0.2": both statistics came back in one line
      assert.equal(score, 0.5);
      assert.match(signature, /^METEOR\|images:2\|case:lower\|tok:ptb\|-l:en\|-norm\|jar:program.jar$/);
    });
  });
  it("are run with files", async () => {
    await withStandIn("spice", async (options) => {
      const { score, perImage } = await spice(evaluation, options);
      assert.deepEqual([...perImage], [0.25, 0.5]);
      assert.equal(score, 0.375);
    });
  });
  it("are reported when they die, with what they said", async () => {
    await withStandIn("dying", async (options) => {
      await assert.rejects(
        meteor(evaluation, options),
        /program.jar: java ended with code 3, it said\n {2}Error: no heap/,
      );
    });
    await withStandIn("lacking", async (options) => {
      await assert.rejects(
        spice(evaluation, options),
        /edu\/stanford.*\nthis program needs Stanford CoreNLP/,
      );
    });
  });
  it("are reported when they end well without their scores", async () => {
    await withStandIn("silent", async (options) => {
      await assert.rejects(spice(evaluation, options), /program.jar: it wrote no file, .* each of 2 images/);
      await assert.rejects(meteor(evaluation, options), /java ended with code 0, it said\n {2}\(nothing\)/);
    });
    await withStandIn("lazy", async (options) => {
      await assert.rejects(spice(evaluation, options), /program.jar: it wrote none for 1, .* 2 images/);
    });
  });
  it("do not keep one back because the other dies", async () => {
    await withStandIn("spice", async ({ jar, java }) => { // which METEOR cannot talk to
      const { scores, failed } = await javaScores(evaluation, { meteorJar: jar, spiceJar: jar, java });
      assert.deepEqual([scores.METEOR, scores.SPICE?.score], [undefined, 0.375]);
      assert.match(failed.METEOR!.message, /program.jar: java ended with code/);
      assert.ok(!("SPICE" in failed));
    });
    assert.deepEqual(await javaScores(evaluation, {}), { scores: {}, failed: {} });
  });
  it("are reported when they are not there", async () => {
    await withStandIn("meteor", async ({ jar, java }) => {
      await assert.rejects(meteor(evaluation, { jar: `${jar}.no`, java }), /Cannot run .*\.no: not found/);
      await assert.rejects(
        meteor(evaluation, { jar, java: `${java}.no` }),
        /found no ".*\.no", install a Java runtime/,
      );
    });
  });
});

async function withStandIn(
  name: keyof typeof STANDS_INS,
  use: (options: { jar: string; java: string }) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const [jar, java] = [`${folder}/program.jar`, `${folder}/java`];
    await Deno.writeTextFile(jar, "");
    await Deno.writeTextFile(java, `#!/bin/sh\n${STANDS_INS[name]}\n`, { mode: 0o755 });
    await use({ jar, java });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
