/**
 * Step 7: how good are the captions?
 *
 * Scores compare a caption with those that people wrote of the same picture, by the runs of words ("n-grams") they share.
 * BLEU-4: how many of its runs of 1 to 4 words a person wrote too, with a penalty for being short. ROUGE-L: the longest row
 * of words, in order, that both have. CIDEr-D, the usual judge: how alike the runs are, those counting most that are said
 * of few pictures ("giraffe" more than "a"); 0 to 10, networks like this one come near 1 on COCO. All but CIDEr lie
 * between 0 and 1. Judge on pictures that training has not seen: any other score is memory.
 *
 * To read on: lib/text/bleu.ts, rouge.ts, cider.ts, each less than a page.
 *
 *     deno task evaluate --split val
 *     deno task evaluate --annotations captions.json --results results.json
 *     deno run --allow-read --allow-write --allow-env=IMAGESCRIPT_WASM_SIMD,XDG_RUNTIME_DIR scripts/7_evaluate.ts --split val
 *
 * Reads  a model and a dataset, or captions by people and a file of generated ones in COCO's result format.
 * Writes nothing unless --per-image, --card or --save-results asks for it.
 * Scores are computed as COCO's own tools do: PTB words, BLEU, ROUGE-L, CIDEr-D. No Java is needed; METEOR and
 * SPICE run in Java where their jars are named.
 */
import { parseOptions } from "../lib/deno/cli.ts";
import { EVALUATE_ABOUT, EVALUATE_OPTIONS, requireNoModelFlags } from "../lib/deno/evaluate_options.ts";
import {
  calibrationLines,
  fileSource,
  modelSource,
  pictureUri,
  readJson,
  readResults,
} from "../lib/deno/evaluation_source.ts";
import { javaScores } from "../lib/deno/java_metrics.ts";
import { describeError, runScript } from "../lib/deno/run_script.ts";
import { ensureFileWritable, writeFileAtomic } from "../lib/deno/write_file.ts";
import { parseInstances } from "../lib/text/chair.ts";
import { compareResults, comparisonLines } from "../lib/text/compare.ts";
import { corpusFrequencies, frequencyTable, readFrequencies } from "../lib/text/document_frequencies.ts";
import { encodeCaptions } from "../lib/text/encode_captions.ts";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { evaluationCard } from "../lib/text/evaluation_card.ts";
import {
  evaluationJson,
  evaluationTable,
  type ForeignScores,
  foreignTable,
  imageScores,
} from "../lib/text/evaluation_report.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, EVALUATE_OPTIONS, EVALUATE_ABOUT);
  if (options.results) requireNoModelFlags(Deno.args);

  // 1. What else it reads, and whether its results can be kept: found out now, not after hours.
  for (const path of [options.saveResults, options.saveDf, options.perImage, options.card]) {
    if (path !== undefined) await ensureFileWritable(path);
  }
  const others = options.compare ? await readResults(options.compare) : undefined;
  const instances = options.instances
    ? parseInstances(await readJson(options.instances), { source: options.instances })
    : undefined;
  const frequencies = options.df === "corpus"
    ? undefined
    : readFrequencies(await readJson(options.df), { source: options.df });

  // 2. The captions: read from a file, or written by a model now.
  const source = options.results ? await fileSource(options.results, options) : await modelSource(options);
  const { references, results, candidates, vocabularySize, trainingCaptions, pictures } = source;
  if (options.saveResults) await writeFileAtomic(options.saveResults, JSON.stringify(results));

  // 3. Their scores, with 95 % intervals.
  const settings = {
    tokenizer: options.words,
    allowMissing: options.allowMissing,
    frequencies,
    seed: options.seed,
  };
  const evaluation = evaluateResults(references, results, {
    ...settings,
    source: options.results,
    instances,
    candidates,
    vocabularySize,
    trainingCaptions,
  });
  if (options.saveDf) {
    const table = corpusFrequencies(encodeCaptions(evaluation.references, evaluation.candidates));
    await writeFileAtomic(options.saveDf, JSON.stringify(frequencyTable(table, source.captions)));
  }
  const print = options.json ? console.error : console.log;
  print(source.title);
  for (const line of evaluationTable(evaluation)) print(line);
  const { calibration } = source;
  const notes = calibration ? calibrationLines(calibration) : [];
  for (const line of notes) print(line);

  // 4. Against another system, image by image.
  const comparison = others &&
    compareResults(evaluation, { references, results: others }, { ...settings, source: options.compare });
  for (const line of comparison ? comparisonLines(comparison) : []) print(line);

  // 5. Each image's scores, and a page to look at.
  const write = async (foreign: ForeignScores) => {
    if (options.perImage) {
      const lines = [...imageScores(evaluation, foreign)].map((scores) => JSON.stringify(scores));
      await writeFileAtomic(options.perImage, `${lines.join("\n")}\n`);
    }
    if (options.card) {
      const picture = (id: number | string) => pictureUri(pictures.get(id));
      const page = { title: source.title, references, foreign, notes, picture, seed: options.seed };
      await writeFileAtomic(options.card, await evaluationCard(evaluation, page));
      console.error(`wrote ${options.card}`);
    }
  };
  await write({});

  // 6. METEOR and SPICE, last: what they take long for, or die of, costs none of the above.
  const { scores: foreign, failed } = await javaScores(evaluation, options);
  if (Object.keys(foreign).length > 0) {
    for (const line of foreignTable(evaluation, foreign)) print(line);
    await write(foreign);
  }
  const reasons = Object.entries(failed).map(([name, error]) => [name, describeError(error)]);
  if (options.json) {
    const missing = reasons.length > 0 ? { failed: Object.fromEntries(reasons) } : {};
    console.log(
      JSON.stringify({ ...evaluationJson(evaluation, foreign), calibration, comparison, ...missing }),
    );
  }
  for (const [name, reason] of reasons) console.error(`There is no ${name}. ${reason}`);
  return reasons.length > 0 ? 1 : 0;
});
