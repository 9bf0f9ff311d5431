// This module runs in Deno only.
/**
 * How the time and memory of all metrics grow with the images, each size in a process of its own.
 *
 *     deno run --allow-read --allow-run --allow-env tests/metrics_bench.ts
 *
 * Reads the fixtures' 202,654 captions of 40,504 images. The first caption of each image is the candidate, the others
 * are its references: BLEU, ROUGE-L, CIDEr and CIDEr-D with 1,000 resamples for each interval, diversity, lengths,
 * repetition, and scores by length.
 */
import process from "node:process";
import { gunzipSync } from "node:zlib";
import { evaluateResults } from "../lib/text/evaluate.ts";
import type { Coco } from "./commands.ts";
import { FIXTURES } from "./fixtures.ts";

const SIZES = [1_000, 5_000, 20_000, 40_504];

if (Deno.args[0] === undefined) await table();
else measure(Number(Deno.args[0]));

async function table(): Promise<void> {
  console.log("  images  captions   CPU s  wall s  ms/image  peak MB  BLEU-4  CIDEr-D");
  for (const size of SIZES) {
    const args = ["run", "--allow-read", "--allow-env", import.meta.filename!, String(size)];
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), { args }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    console.log(new TextDecoder().decode(stdout).trimEnd());
  }
}

function measure(size: number): void {
  const file = `${FIXTURES}/data/coco/captions_val2014_reconstructed.json.gz`;
  const { images, annotations }: Coco = JSON.parse(
    new TextDecoder().decode(gunzipSync(Deno.readFileSync(file))),
  );
  const captions = new Map<number, string[]>(images.slice(0, size).map(({ id }) => [id, []]));
  for (const { image_id, caption } of annotations) captions.get(image_id)?.push(caption);
  const results = [...captions].map(([image_id, [caption]]) => ({ image_id, caption }));
  const references = new Map([...captions].map(([id, [, ...rest]]) => [id, rest]));
  const [wall, cpu] = [performance.now(), cpuSeconds()];
  const { scores } = evaluateResults(references, results);
  const [seconds, cpuTime] = [(performance.now() - wall) / 1000, cpuSeconds() - cpu];
  const count = captions.values().reduce((sum, list) => sum + list.length, 0);
  const cells = [
    [String(size), 8],
    [String(count), 10],
    [cpuTime.toFixed(2), 8],
    [seconds.toFixed(2), 8],
    [(cpuTime * 1000 / size).toFixed(3), 10],
    [String(Math.round(process.resourceUsage().maxRSS * 1024 / 1e6)), 9],
    [scores.Bleu_4.toFixed(4), 8],
    [scores.CIDEr.toFixed(4), 9],
  ] as const;
  console.log(cells.map(([text, width]) => text.padStart(width)).join(""));
}

/** CPU time of this process so far, all threads. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
