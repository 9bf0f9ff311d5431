// This module runs in Deno only.
/**
 * Memory and time of training steps of a large encoder on the CPU.
 *
 *     deno run -A tests/step_memory.ts [ENCODER] [SIZE] [BATCH]
 *
 * Default: resnet101 under the attention decoder of "sgrvinod" (grid 14, 512 each, 9,490 words, 20 of them a caption), 256
 * pixels, batch 2. Prints the peak of the process' memory, as the kernel counts it, and the seconds of two steps.
 */
import { openCpu } from "../lib/backend/cpu.ts";
import { DEFAULT_PREPROCESSING } from "../lib/image/preprocess.ts";
import { CaptionModel } from "../lib/models/caption_model.ts";
import type { EncoderName } from "../lib/models/config.ts";
import { hash32 } from "../lib/random.ts";
import { Trainer } from "../lib/train/trainer.ts";

const [encoder = "resnet101", size = "256", rows = "2"] = Deno.args;
const WORDS = 9490;
const COLUMNS = 22;

const backend = await openCpu();
const sizes = { embedding: 512, hidden: 512, attention: 512, dropout: 0.5, grid: 14 };
const preprocessing = { ...DEFAULT_PREPROCESSING, size: Number(size) };
const config = { encoder: encoder as EncoderName, decoder: "attend", ...sizes, preprocessing } as const;
const model = new CaptionModel(backend, config, { words: WORDS, seed: 1 });
const trainer = new Trainer(model, {
  ...{ learningRate: 1e-4, schedule: "constant", warmup: 0, steps: 2, clipNorm: 5, alphaC: 1, seed: 1 },
});
const batch = Number(rows);
const pixels = Uint8Array.from({ length: batch * Number(size) ** 2 * 3 }, (_, i) => hash32(i) & 255);
const captions = Uint32Array.from({ length: batch * COLUMNS }, (_, i) => {
  const column = i % COLUMNS;
  return column === 0 ? 1 : column === COLUMNS - 1 ? 2 : 4 + hash32(7, i) % (WORDS - 4);
});
const lengths = new Array<number>(batch).fill(COLUMNS);
console.log(`${encoder}, ${size} pixels, batch ${batch}: ${model.parameters.count} parameters trained`);
for (let step = 0; step < 2; step++) {
  const started = performance.now();
  trainer.step({ pixels, captions, columns: COLUMNS, lengths });
  const [{ loss }] = await trainer.readings();
  console.log(
    `step ${step + 1}: loss ${loss.toFixed(4)}, ${((performance.now() - started) / 1000).toFixed(1)} s`,
  );
}
const peak = /VmHWM:\s+(\d+) kB/.exec(await Deno.readTextFile("/proc/self/status"))?.[1];
console.log(
  `peak memory ${(Number(peak) / 1e6).toFixed(2)} GB, of it ${
    (backend.memory().bytes / 1e9).toFixed(2)
  } GB of tensors at the end`,
);
backend.close();
