/**
 * Turns other people's PyTorch checkpoints into safetensors: encoder weights, and whole captioners.
 *
 *     deno task import resnet101-63fe2227.pth
 *     deno task import --from sgrvinod BEST_checkpoint.pth.tar --words WORDMAP.json --out sgrvinod.safetensors
 *     deno run --allow-read --allow-write scripts/import.ts FILE
 *
 * Reads  the checkpoint, in either form of torch.save, and the vocabulary. Nothing in them is executed. Writes one
 * safetensors file, for captioners a model that `caption`, `evaluate` and `train` take. Takes seconds.
 */
import { parseOptions, UsageError } from "../lib/deno/cli.ts";
import { importSgrvinodFile, importWeights, importYunjeyFiles } from "../lib/deno/import_checkpoint.ts";
import { IMPORT_ABOUT, IMPORT_OPTIONS } from "../lib/deno/import_options.ts";
import { writeSafetensors } from "../lib/deno/model_disk.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { readInfo } from "../lib/models/model_file.ts";

await runScript(async () => {
  const { from, words, data, json, ...options } = parseOptions(Deno.args, IMPORT_OPTIONS, IMPORT_ABOUT);
  const [path, second] = options.positionals;
  if (second !== undefined && from !== "yunjey") {
    throw new UsageError(`Cannot import ${second} too: --from ${from} takes one FILE, only yunjey has two`);
  }
  console.error(`importing ${options.positionals.join(" and ")} (${from})`);

  // 1. The checkpoint, in our names and our order of words.
  const file = from === "weights"
    ? await importWeights(path)
    : from === "sgrvinod"
    ? await importSgrvinodFile(path, words)
    : await importYunjeyFiles(options.positionals, words);

  // 2. Our file.
  const base = path.replace(/^.*[\\/]/, "").replace(/\.[^.]*$/, "");
  const weightsOut = `${data}/weights/${base}.safetensors`;
  const out = options.out ?? (from === "weights" ? weightsOut : `${data}/imported/model.safetensors`);
  await writeSafetensors(out, file);

  // 3. What it is.
  const tensors = file.tensors.size;
  const numbers = [...file.tensors.values()].reduce((sum, { data }) => sum + data.length, 0);
  if (from === "weights") {
    if (json) console.log(JSON.stringify({ out, tensors, numbers }));
    else console.log(`${out}: ${tensors} tensors, ${numbers.toLocaleString("en")} numbers`);
    return;
  }
  const { config: { encoder, decoder }, words: list } = readInfo(file, out);
  if (json) console.log(JSON.stringify({ out, tensors, numbers, encoder, decoder, words: list.length }));
  else {
    console.log(
      `${out}: ${encoder} + ${decoder}, ${list.length} words; now \`deno task caption --model ${out} PHOTO\``,
    );
  }
});
