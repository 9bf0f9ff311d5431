// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import type { FileTensor } from "../data/safetensors.ts";
import type { Caption } from "../models/beam_history.ts";
import { beamSearch } from "../models/beam_search.ts";
import type { ModelConfig } from "../models/config.ts";
import { uploadPixels } from "../models/device_batch.ts";
import { scope } from "../scope.ts";
import { PAD, START } from "../text/vocabulary.ts";
import { largestDifference, type VerifiedCase, WorstError } from "./report.ts";
import { goldenModel } from "./verify_training.ts";

/** Scores are compared to this, in nats; attention maps to the next. Ids must be equal. */
const SCORE_TOLERANCE = 1e-4;
const ALPHA_TOLERANCE = 1e-5;

interface GoldenCaption {
  readonly ids: readonly number[];
  readonly score: number;
  readonly final?: number;
}

/** The JSON of a decoding golden. */
export interface DecodingGolden {
  readonly decoder: ModelConfig["decoder"];
  readonly max_len: number;
  readonly greedy: readonly GoldenCaption[];
  readonly beam_settings: Readonly<
    Record<string, { readonly max_len: number; readonly length_alpha: number; readonly k: number }>
  >;
  /** By the names of `beam_settings`. */
  readonly [setting: string]: unknown;
}

/** Greedy and beam search of all images in one batch: ids, scores and attention. */
export async function verifyDecoding(
  backend: Backend,
  golden: DecodingGolden,
  files: {
    readonly weights: ReadonlyMap<string, FileTensor>;
    readonly tensors: ReadonlyMap<string, FileTensor>;
    readonly words: number;
  },
): Promise<VerifiedCase[]> {
  const model = goldenModel(backend, golden.decoder, files);
  const { data, shape } = files.tensors.get("images")!;
  const pixels = uploadPixels(backend, data as Uint8Array);
  const features = scope(() => model.encode(pixels, { batch: shape[0], training: false }));
  const banned = [PAD, START]; // the golden's list
  const results: VerifiedCase[] = [];
  const report = (worst: WorstError, name: string) =>
    results.push(worst.result("decode", `${golden.decoder}/${name}`, backend.name));

  const options = { beam: 1, maxLength: golden.max_len, banned, attention: true };
  const greedy = await beamSearch(model.decoder, features, options);
  const worst = new WorstError();
  const maps = new WorstError();
  for (const [i, want] of golden.greedy.entries()) {
    compareCaptions(worst, greedy[i], [want]);
    const alphas = files.tensors.get(`greedy_alphas.${i}`);
    if (!alphas) continue;
    const got = greedy[i][0].alphas.flatMap((alpha) => [...alpha]);
    maps.add(largestDifference(got, alphas.data as Float32Array), ALPHA_TOLERANCE);
  }
  report(worst, "greedy");
  if (golden.decoder === "attend") report(maps, "greedy, attention");

  for (const [name, { k, max_len, length_alpha }] of Object.entries(golden.beam_settings)) {
    const beams = golden[name] as readonly { readonly beams: readonly GoldenCaption[] }[];
    const search = { beam: k, maxLength: max_len, lengthAlpha: length_alpha, banned };
    const captions = await beamSearch(model.decoder, features, search);
    const worst = new WorstError();
    beams.forEach((want, i) => compareCaptions(worst, captions[i], want.beams));
    report(worst, name);
  }
  for (const each of [pixels, features]) each.dispose();
  model.dispose();
  return results;
}

function compareCaptions(worst: WorstError, got: readonly Caption[], want: readonly GoldenCaption[]): void {
  if (got.length !== want.length) worst.add(Infinity, SCORE_TOLERANCE);
  want.forEach((caption, i) => {
    if (got[i]?.ids.join() !== caption.ids.join()) worst.add(Infinity, SCORE_TOLERANCE);
    else {
      worst.add(Math.abs(got[i].score - caption.score), SCORE_TOLERANCE);
      worst.add(Math.abs(got[i].final - (caption.final ?? caption.score)), SCORE_TOLERANCE);
    }
  });
}
