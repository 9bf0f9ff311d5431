// This module is browser compatible.
/** Our captioning, ready to be timed. */

import type { Backend } from "../backend/backend.ts";
import { CpuBackend } from "../backend/cpu.ts";
import { CaptionModel } from "../models/caption_model.ts";
import { captionPixels, type WrittenCaption } from "../models/captioner.ts";
import { END, PAD, START, UNK, Vocabulary } from "../text/vocabulary.ts";
import type { CaptionWork } from "./caption_work.ts";
import type { Runner } from "./contestant.ts";
import { PoisonedBackend } from "./poisoned_backend.ts";
import { benchConfig, benchPixels } from "./step_work.ts";

/** Scores of trusted and tested captions may differ so much, relatively. */
const TOLERANCE = 2e-5;
/** The same where half floats are stored. */
const HALF_TOLERANCE = 1e-3;

/** Makes captioning ready: bytes to words, the model loaded before. */
export function prepareCaption(backend: Backend, work: CaptionWork): Runner {
  const captioner = openCaptioner(backend, work);
  const pixels = benchPixels(work.pictures, work.size);
  let captions: WrittenCaption[] = [];
  return {
    async run(times) {
      for (let i = 0; i < times; i++) {
        captions = work.together ? await captioner.caption(pixels) : [];
        const bytes = pixels.length / work.pictures;
        for (let at = 0; !work.together && at < pixels.length; at += bytes) {
          captions.push(...await captioner.caption(pixels.subarray(at, at + bytes)));
        }
      }
    },
    async check() {
      if (captions.length !== work.pictures) {
        return `${captions.length} captions for ${work.pictures} pictures`;
      }
      const short = captions.findIndex(({ words }) => words.length !== work.length);
      if (short >= 0) {
        return `caption ${short} has ${captions[short].words.length} words, not ${work.length}`;
      }
      const right = await trustedScore(work);
      for (const score of [captions[0].score, await firstScore(new PoisonedBackend(backend), work)]) {
        if (Math.abs(score - right) <= (backend.halves ? HALF_TOLERANCE : TOLERANCE) * Math.abs(right)) {
          continue;
        }
        return `the first caption's score is ${score}, ${right} is right`;
      }
    },
    dispose: () => captioner.dispose(),
  };
}

const trusted = new Map<string, Promise<number>>();

/** The score of the first picture's caption, in f64 by the kernels' twins. It depends on no batch. */
function trustedScore(work: CaptionWork): Promise<number> {
  const { size, beam, length, words } = work;
  const key = `${size} ${beam} ${length} ${words}`;
  const known = trusted.get(key);
  if (known) return known;
  const score = firstScore(new CpuBackend(), work);
  trusted.set(key, score);
  return score;
}

async function firstScore(backend: Backend, work: CaptionWork): Promise<number> {
  const captioner = openCaptioner(backend, work);
  const [{ score }] = await captioner.caption(benchPixels(1, work.size));
  captioner.dispose();
  return score;
}

function openCaptioner(backend: Backend, { size, words, beam, length }: CaptionWork) {
  const model = new CaptionModel(backend, benchConfig(size, 0), {
    words,
    activations: backend.halves ? "f16" : "f32",
    weights: backend.halves ? "f16" : "f32",
  });
  const vocabulary = new Vocabulary(Array.from({ length: words - 4 }, (_, i) => `word${i}`));
  const options = { beam, maxLength: length, banned: [PAD, START, UNK, END] };
  return {
    async caption(pixels: Uint8Array): Promise<WrittenCaption[]> {
      const captions = await captionPixels({ model, vocabulary }, pixels, options);
      return captions.map(([best]) => best);
    },
    dispose: () => model.dispose(),
  };
}
