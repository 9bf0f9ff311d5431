// This module runs in Deno only.
/** `train --explain`: what a recipe's model and its training cost, in a table for people or as JSON. */

import { batchesPerEpoch } from "../data/epoch_order.ts";
import { count } from "../data/captions.ts";
import { buildDataset } from "../data/dataset.ts";
import { explainRun, type Explanation } from "../train/explain.ts";
import { trainingRecipe } from "../train/presets.ts";
import { readCaptions } from "./caption_reader.ts";
import { openDevice } from "./open_device.ts";
import { formatSeconds } from "./progress.ts";
import type { Options } from "./cli.ts";
import type { TRAIN_OPTIONS, TrainingPlan } from "./train_options.ts";

/** What an epoch is taken to be where there are no captions: those of COCO's train2014, and a usual vocabulary. */
const COCO = {
  pictures: 82_783,
  captions: 414_113,
  words: 10_000,
  captionLength: 13,
  what: "COCO's train2014",
};

/** Explains on stdout. */
export async function explainPlan(plan: TrainingPlan, options: Options<typeof TRAIN_OPTIONS>): Promise<void> {
  const { preset, config } = plan;
  const data = await dataSize(plan, options) ?? COCO;
  const stepsPerEpoch = Math.ceil((preset.captions === "all" ? data.captions : data.pictures) / preset.batch);
  const steps = options.steps ?? Math.ceil(plan.epochs * stepsPerEpoch);
  const { seed, precision } = options;
  const recipe = trainingRecipe(preset, { steps, stepsPerEpoch, seed, precision });
  const backend = await openDevice(options);
  console.error(`explaining ${options.preset} on ${backend.description}: a few steps on random pictures`);
  const { batch } = preset;
  const { words, captionLength } = data;
  const explanation = await explainRun(backend, { config, recipe, batch, words, captionLength });
  const { description } = backend;
  backend.close();
  if (options.json) {
    const epochSeconds = explanation.phases.map(({ msPerStep }) => msPerStep * stepsPerEpoch / 1000);
    console.log(
      JSON.stringify({ preset: options.preset, steps, stepsPerEpoch, epochSeconds, ...explanation }),
    );
    return;
  }
  const lines = [...modelLines(explanation, plan, stepsPerEpoch), ...costLines(explanation, batch)];
  for (const { from, msPerStep, measuredBatch } of explanation.phases) {
    const measured = measuredBatch === batch
      ? `steps of ${batch} timed`
      : `steps of ${measuredBatch} timed, in proportion`;
    lines.push(
      `an epoch ${since(from, stepsPerEpoch)}: ${
        count(stepsPerEpoch)
      } steps of ${batch} (${data.what}), about ` +
        `${
          formatSeconds(msPerStep * stepsPerEpoch / 1000)
        } on ${description} (${measured}, without reading pictures)`,
    );
  }
  lines.push(`the run: ${count(steps)} steps, ${+(steps / stepsPerEpoch).toFixed(2)} epochs`);
  console.log(lines.join("\n"));
}

/** Sizes of the captions that training would read, where they are there; the pictures need not be. */
async function dataSize(plan: TrainingPlan, options: Options<typeof TRAIN_OPTIONS>) {
  const { annotations, data, dataset: name } = options;
  let found;
  try {
    found = await readCaptions(annotations ?? `${data}/annotations`, { dataset: name });
  } catch (error) {
    if (!annotations && error instanceof Deno.errors.NotFound) return undefined; // the default folder: no data yet
    throw error;
  }
  const { size } = plan.config.preprocessing;
  const noPixels = { size, record: () => 0, pixels: () => new Uint8Array() };
  const { words, valShare } = options;
  const { train, vocabulary } = await buildDataset(found.set, noPixels, { ...plan.data, words, valShare });
  const { tokens } = train;
  return {
    pictures: batchesPerEpoch(tokens, { batchSize: 1, captions: "draw" }),
    captions: tokens.captions,
    words: vocabulary.size,
    captionLength: Math.max(2, Math.round(tokens.ids.length / tokens.captions)),
    what: found.set.report.source,
  };
}

function modelLines(
  { parts, features }: Explanation,
  { config, preset }: TrainingPlan,
  stepsPerEpoch: number,
) {
  const { size } = config.preprocessing;
  const rows = parts.map(({ name, shapes, parameters, trainedFrom }) => [
    name,
    Object.entries(shapes).map(([key, shape]) => `${key} ${shape.join("×")}`).join(", "),
    count(parameters),
    trainedFrom === undefined
      ? "frozen"
      : trainedFrom > 0
      ? `trained ${since(trainedFrom, stepsPerEpoch)}`
      : "trained",
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column].length)));
  return [
    `${config.encoder} (weights ${preset.weights}) + ${config.decoder}: pictures ${size}×${size}×3 → features ` +
    features.join("×"),
    ...rows.map(([name, shapes, parameters, trained]) =>
      `  ${name.padEnd(widths[0])}  ${shapes.padEnd(widths[1])}  ${
        parameters.padStart(widths[2])
      }  ${trained}`
    ),
  ];
}

function costLines({ parameters, weights, optimiser, phases }: Explanation, batch: number): string[] {
  const mebibytes = (bytes: number) => `${count(Math.ceil(bytes / 2 ** 20))} MiB`;
  return [
    `${count(parameters)} parameters, ${mebibytes(weights)}; the optimiser's state ${mebibytes(optimiser)}`,
    ...phases.map(({ trained, operations, memory }) =>
      `a step of ${batch}: ${count(trained)} parameters trained, ${(operations / 1e9).toFixed(1)} GFLOP ` +
      `(${(operations / batch / 1e9).toFixed(2)} a picture, products and convolutions), at most ${
        mebibytes(memory)
      }`
    ),
  ];
}

/** "from the start", "from epoch 20 on". */
function since(step: number, stepsPerEpoch: number): string {
  return step === 0 ? "from the start" : `from epoch ${+(step / stepsPerEpoch).toFixed(2)} on`;
}
