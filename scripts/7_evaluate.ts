/**
 * Step 7: how good are the captions?
 *
 *     deno task evaluate --split val
 *     deno task evaluate --annotations captions.json --results results.json
 *
 * Reads  a model and a dataset, or captions by people and a file of generated ones in COCO's result format.
 * Writes nothing unless --per-image, --card or --save-results asks for it.
 * Scores are computed as COCO's own tools do: PTB words, BLEU, ROUGE-L, CIDEr-D. No Java is needed; METEOR and
 * SPICE run in Java where their jars are named.
 */
import { DEVICES } from "../lib/backend/open.ts";
import { parseOptions, UsageError } from "../lib/deno/cli.ts";
import { fileSource, modelSource, pictureUri, readResults } from "../lib/deno/evaluation_source.ts";
import { meteor, spice } from "../lib/deno/java_metrics.ts";
import { readText } from "../lib/deno/caption_reader.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { writeFileAtomic } from "../lib/deno/write_file.ts";
import { compareScores } from "../lib/text/bootstrap.ts";
import { parseInstances } from "../lib/text/chair.ts";
import { evaluateResults } from "../lib/text/evaluate.ts";
import { evaluationCard } from "../lib/text/evaluation_card.ts";
import { evaluationJson, evaluationTable, imageScores } from "../lib/text/evaluation_report.ts";
import { SCORE_NAMES } from "../lib/text/score.ts";
import { TOKENIZER_NAMES } from "../lib/text/tokenize.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, {
    model: {
      placeholder: "FILE",
      description: "the model (default: the newest of training's and the demo's)",
    },
    data: {
      default: "data",
      placeholder: "DIR",
      description: "folder of models, downloaded data and packed pictures",
    },
    annotations: { placeholder: "FILE", description: "captions by people" },
    images: { placeholder: "DIR", description: "folder of the photographs" },
    dataset: { placeholder: "NAME", description: "which captions, where the folder holds several sets" },
    split: {
      default: "val",
      choices: ["train", "val", "test"],
      description: "pictures a model is scored on",
    },
    valShare: {
      type: "number",
      max: 0.9,
      description: "share held out where the data name no split; as in training",
    },
    results: {
      placeholder: "FILE",
      description: "generated captions, [{image_id, caption}], in place of a model",
    },
    compare: {
      placeholder: "FILE",
      description: "a second result file: differences with their significance",
    },
    allowMissing: { default: false, description: "score the images that have both where sets differ" },
    instances: { placeholder: "FILE", description: "COCO's instances JSON: adds CHAIR and scores by object" },
    words: { default: "ptb", choices: TOKENIZER_NAMES, description: "how captions are split into words" },
    meteorJar: { placeholder: "FILE", description: "meteor-1.5.jar: adds METEOR (needs Java)" },
    spiceJar: { placeholder: "FILE", description: "spice-1.0.jar: adds SPICE and SPIDEr (needs Java)" },
    perImage: { placeholder: "FILE", description: "write a JSON line for each image" },
    card: {
      placeholder: "OUT.html",
      description: "write a page with scores, best, worst and random pictures",
    },
    saveResults: { placeholder: "FILE", description: "write the captions in COCO's result format" },
    beam: { default: 3, min: 1, description: "captions kept at each word" },
    maxLength: { default: 50, min: 1, description: "most words of a caption" },
    lengthAlpha: { default: 0, type: "number", description: "longer captions are favoured as this grows" },
    seed: { default: 1, description: "names the samples of the intervals" },
    device: { default: "auto", choices: DEVICES, description: "what computes" },
    json: { default: false, description: "print the scores as JSON" },
  }, {
    purpose: "Scores captions: a model's on a dataset's split, or those of a file.",
    command: "deno task evaluate",
    examples: [
      "deno task evaluate --split val --card card.html",
      "deno task evaluate --annotations captions_val.json --results results.json --json",
    ],
  });
  if (options.results && options.model) {
    throw new UsageError("Cannot score --results and --model at once: give one of them");
  }

  // 1. The captions: read from a file, or written by a model now.
  const source = options.results ? await fileSource(options.results, options) : await modelSource(options);
  const { references, results, candidates, vocabularySize, trainingCaptions, pictures } = source;
  if (options.saveResults) await writeFileAtomic(options.saveResults, JSON.stringify(results));

  // 2. Their scores, with 95 % intervals.
  const instances = options.instances
    ? parseInstances(JSON.parse(await readText(options.instances)), { source: options.instances })
    : undefined;
  const settings = {
    tokenizer: options.words,
    allowMissing: options.allowMissing,
    instances,
    seed: options.seed,
  };
  const evaluation = evaluateResults(references, results, {
    ...settings,
    candidates,
    vocabularySize,
    trainingCaptions,
  });
  const foreign = {
    ...options.meteorJar ? { METEOR: await meteor(evaluation, { jar: options.meteorJar }) } : {},
    ...options.spiceJar ? { SPICE: await spice(evaluation, { jar: options.spiceJar }) } : {},
  };
  const print = options.json ? console.error : console.log;
  print(source.title);
  for (const line of evaluationTable(evaluation, foreign)) print(line);
  if (options.json) console.log(JSON.stringify(evaluationJson(evaluation, foreign)));

  // 3. Against another system, image by image.
  if (options.compare) {
    const other = evaluateResults(references, await readResults(options.compare), settings);
    const differences = compareScores(evaluation.scores, other.scores, { seed: options.seed });
    for (const name of SCORE_NAMES) {
      const { difference, low, high, p } = differences[name];
      const interval = `95 % from ${low.toFixed(4)} to ${high.toFixed(4)}`;
      print(
        `${name}: ${options.compare} is ${difference.toFixed(4)} above, ${interval}, p = ${p.toFixed(4)}`,
      );
    }
  }

  // 4. Each image's scores, and a page to look at.
  if (options.perImage) {
    const lines = [...imageScores(evaluation, foreign)].map((scores) => JSON.stringify(scores));
    await writeFileAtomic(options.perImage, `${lines.join("\n")}\n`);
  }
  if (options.card) {
    const picture = (id: number | string) => pictureUri(pictures.get(id));
    const page = { title: source.title, references, foreign, picture, seed: options.seed };
    await writeFileAtomic(options.card, await evaluationCard(evaluation, page));
    console.error(`wrote ${options.card}`);
  }
});
