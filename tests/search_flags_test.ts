// This module runs in Deno only.
/** What the flags of the search say, and which contradict each other. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { CAPTION_ABOUT, CAPTION_OPTIONS } from "../lib/deno/caption_options.ts";
import { captionPlan } from "../lib/deno/search_options.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { PAD, START, UNK, Vocabulary } from "../lib/text/vocabulary.ts";

describe("the flags of the search", () => {
  const vocabulary = new Vocabulary(["a", "red", "bus", "of"]);
  const plan = (flags: string) => {
    const args = flags.split(" ").filter((flag) => flag !== "");
    const options = parseOptions([...args, "picture.jpg"], CAPTION_OPTIONS, CAPTION_ABOUT);
    return captionPlan({ ...options, attention: false }, vocabulary) as unknown as Record<string, unknown>;
  };
  it("say what is searched for", () => {
    const { beam, lengthAlpha, minWords, banned, forced } = plan("");
    assert.deepEqual({ beam, lengthAlpha, minWords, banned, forced }, {
      ...{ beam: 5, lengthAlpha: 0.7, minWords: 1 },
      ...{ banned: [PAD, START, UNK], forced: [] },
    });
    const rules = plan(
      "--beam 6 --groups 3 --diversity 1 --no-repeat-ngram 2 --min-length 3 --ban a --force red,bus",
    );
    assert.deepEqual([rules.groups, rules.diversity, rules.noRepeatNgram, rules.minWords], [3, 1, 2, 3]);
    assert.deepEqual([rules.banned, rules.forced], [[PAD, START, UNK, 4], [5, 6]]);
    assert.deepEqual(plan("--remove-bad-endings").badEndings, [4, 7]);
    const { samples, seed, topK, topP, temperature } = plan(
      "--sample 3 --top-k 4 --top-p 0.5 --seed 9 --temperature 2",
    );
    assert.deepEqual([samples, seed, topK, topP, temperature], [3, 9, 4, 0.5, 2]);
  });
  it("that would do nothing, or contradict each other, are refused", () => {
    for (
      const [flags, message] of [
        ["--top-k 3", /--top-k: it belongs to --sample/],
        ["--seed 0", /--seed: it belongs to --sample/],
        ["--sample 2 --candidates 3", /--candidates 3: --sample 2 draws no more/],
        ["--sample 2 --beam 3", /--beam: it belongs to the beam search/],
        ["--sample 2 --force a", /--force: it belongs to the beam search/],
        ["--sample 2 --remove-bad-endings", /--remove-bad-endings: it belongs/],
        ["--diversity 1", /--diversity sets groups apart/],
        ["--groups 2", /--beam 5 is no multiple of --groups 2/],
        ["--min-length 9 --max-length 8", /--min-length 9 is above --max-length 8/],
        ["--ban zebra", /Cannot ban "zebra"/],
      ] as const
    ) assert.throws(() => plan(flags), message);
  });
});
