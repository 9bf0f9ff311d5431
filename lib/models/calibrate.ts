// This module is browser compatible.
/** Whether words are as sure as they are right: a temperature fitted on held-out captions, and the error left. */

import { beamCandidatesKernel } from "../../kernels/beam.ts";
import { type Batch, BatchLoader, type BatchSource } from "../data/batches.ts";
import { crossEntropy } from "../ops/cross_entropy.ts";
import { scale } from "../ops/scale.ts";
import { scope } from "../scope.ts";
import { readAndFree, Tensor, tensor } from "../tensor.ts";
import { PAD } from "../text/vocabulary.ts";
import { outputOf } from "./decoder.ts";
import type { CaptionModel } from "./caption_model.ts";
import { uploadBatch } from "./device_batch.ts";

/** Temperatures tried, evenly apart in their logarithm; the best is then found between its neighbours. */
const TEMPERATURES = Array.from({ length: 17 }, (_, i) => 2 ** ((i - 6) / 4));
/** Bins of the expected calibration error, as Guo et al. have them. */
const BINS = 15;

/** What {@linkcode calibrate} found. */
export interface Calibration {
  /** The temperature at which held-out words are likeliest. */
  readonly temperature: number;
  /** Set where that is the lowest or highest temperature tried: the best is beyond it, and the fit not to be relied on. */
  readonly edge?: "lowest" | "highest";
  /** At temperature 1 and at the fitted one, on pictures that the fit has not seen. */
  readonly before: CalibrationError;
  readonly after: CalibrationError;
}

/** How sure words are and how right, with teacher forcing. */
export interface CalibrationError {
  /** Expected calibration error: the mean distance of confidence and accuracy in 15 bins of confidence. */
  readonly expected: number;
  /** Mean probability of the likeliest word. */
  readonly confidence: number;
  /** Share of words where it is the true one. */
  readonly accuracy: number;
}

/** Options of {@linkcode calibrate}. */
export interface CalibrateOptions {
  /** Captions in a batch. Default 16. */
  readonly batchSize?: number;
  /** Called after each batch. */
  readonly onProgress?: (done: number, total: number) => void;
}

/**
 * Fits one temperature to a split (Guo et al., 2017, "On calibration of modern neural networks"): on every second picture;
 * the others measure what it mends.
 *
 * @throws {RangeError} If the split has fewer than 2 pictures.
 */
export async function calibrate(
  model: CaptionModel,
  split: BatchSource,
  { batchSize = 16, onProgress = () => {} }: CalibrateOptions = {},
): Promise<Calibration> {
  if (split.imageIds.length < 2) {
    throw new RangeError(`Cannot calibrate on ${split.imageIds.length} pictures: needs at least 2`);
  }
  const loader = new BatchLoader(split, { batchSize, shuffle: false });
  let done = 0;
  const total = 2 * loader.stepsPerEpoch;
  const losses = TEMPERATURES.map(() => 0);
  for (const batch of loader.epoch(0)) {
    const each = await batchLosses(model, half(batch, 0));
    each.forEach((loss, i) => losses[i] += loss);
    onProgress(++done, total);
  }
  const { temperature, edge } = lowest(losses);
  const bins = [1, temperature].map(() =>
    Array.from({ length: BINS }, () => ({ count: 0, sure: 0, right: 0 }))
  );
  for (const batch of loader.epoch(0)) {
    for (const [i, at] of [1, temperature].entries()) {
      for (const { confidence, right } of await batchConfidences(model, half(batch, 1), at)) {
        const bin = bins[i][Math.min(BINS - 1, Math.floor(confidence * BINS))];
        bin.count++;
        bin.sure += confidence;
        bin.right += Number(right);
      }
    }
    onProgress(++done, total);
  }
  const [before, after] = bins.map(calibrationError);
  return { temperature, ...edge && { edge }, before, after };
}

/** How far confidence and accuracy are apart, from their sums in each bin. */
export function calibrationError(
  bins: readonly { readonly count: number; readonly sure: number; readonly right: number }[],
): CalibrationError {
  const sum = (of: (bin: (typeof bins)[number]) => number) => bins.reduce((total, bin) => total + of(bin), 0);
  const words = sum(({ count }) => count);
  return {
    expected: sum(({ sure, right }) => Math.abs(sure - right)) / words,
    confidence: sum(({ sure }) => sure) / words,
    accuracy: sum(({ right }) => right) / words,
  };
}

/** The batch with the captions of every second picture alone: the others' words become padding. */
function half(batch: Batch, parity: number): Batch {
  const { columns, images } = batch;
  const captions = batch.captions.map((id, i) => images[Math.floor(i / columns)] % 2 === parity ? id : PAD);
  return { ...batch, captions };
}

function wordsOf({ captions, columns }: Batch): number {
  return captions.reduce((count, id, i) => count + Number(i % columns > 0 && id !== PAD), 0);
}

/** Runs a batch with teacher forcing. */
function logitsOf(model: CaptionModel, batch: Batch) {
  const onDevice = uploadBatch(model.backend, batch);
  const features = model.features(onDevice, { training: false });
  const decoded = model.decoder.read(onDevice.inputs, model.decoder.begin(features));
  return { logits: model.decoder.predict(outputOf(decoded)), targets: onDevice.targets };
}

/** Nats of a batch at each temperature. */
async function batchLosses(model: CaptionModel, batch: Batch): Promise<number[]> {
  const words = wordsOf(batch);
  if (words === 0) return TEMPERATURES.map(() => 0);
  const losses = scope(() => {
    const { logits, targets } = logitsOf(model, batch);
    return TEMPERATURES.map((temperature) =>
      scope(() => crossEntropy(scale(logits, 1 / temperature), targets, { ignored: PAD }))
    );
  });
  return (await readAndFree(losses)).map(([loss]) => loss * words);
}

/** For each word of a batch: the likeliest one's probability, and whether it is right. */
async function batchConfidences(model: CaptionModel, batch: Batch, temperature: number) {
  const found = scope(() => {
    const { logits, targets } = logitsOf(model, batch);
    const { backend } = logits;
    const [N, V] = [targets.length, logits.shape[2]];
    const scores = new Tensor(backend, [N]);
    const words = new Tensor(backend, [N], { type: "u32" });
    backend.run(beamCandidatesKernel, {
      logits: scale(logits, 1 / temperature).storage,
      scores: tensor(backend, new Float32Array(N)).storage,
      banned: tensor(backend, new Uint32Array(V), { type: "u32" }).storage,
      candidate_scores: scores.storage,
      candidate_words: words.storage,
    }, { N, V, k: 1 });
    return [scores, words, targets];
  });
  const [logs, guesses, truths] = await readAndFree(found);
  return Array.from(logs, (log, i) => ({ confidence: Math.exp(log), right: guesses[i] === truths[i] }))
    .filter((_, i) => truths[i] !== PAD);
}

/** Where a parabola through the best temperature and its neighbours is lowest; at an edge, the edge. */
function lowest(losses: readonly number[]): Pick<Calibration, "temperature" | "edge"> {
  const best = losses.indexOf(Math.min(...losses));
  const temperature = TEMPERATURES[best];
  if (best === 0) return { temperature, edge: "lowest" };
  if (best === losses.length - 1) return { temperature, edge: "highest" };
  const [left, middle, right] = losses.slice(best - 1, best + 2);
  const bend = left - 2 * middle + right;
  const shift = bend > 0 ? (left - right) / (2 * bend) : 0;
  return { temperature: temperature * 2 ** (shift / 4) };
}
