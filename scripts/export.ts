/**
 * Our model for others: a checkpoint that PyTorch's `torch.load` reads.
 *
 *     deno task export --model data/model.safetensors --out model.pth
 *     deno task export --to sgrvinod --out sgrvinod.pth
 *     deno run --allow-read --allow-write scripts/export.ts --out model.pth
 *
 * Reads  a model. Writes the checkpoint, and beside it OUT.words.json, the ids by word. A model file itself is
 * safetensors with PyTorch's names and layouts: what reads safetensors needs no export. Takes seconds.
 */
import { serialisePth } from "../lib/data/pth_writer.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { EXPORT_ABOUT, EXPORT_OPTIONS } from "../lib/deno/export_options.ts";
import { findModel } from "../lib/deno/find_model.ts";
import { readSafetensors } from "../lib/deno/model_disk.ts";
import { runScript } from "../lib/deno/run_script.ts";
import { writeFileAtomic } from "../lib/deno/write_file.ts";
import { exportSgrvinod } from "../lib/models/export_sgrvinod.ts";
import { readInfo } from "../lib/models/model_file.ts";
import { SPECIAL_WORDS } from "../lib/text/vocabulary.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, EXPORT_OPTIONS, EXPORT_ABOUT);
  const path = options.model ?? await findModel(options.data);
  console.error(`exporting ${path} (${options.to})`);

  // 1. The model; its checkpoint's contents, and ids by word.
  const file = await readSafetensors(path);
  const { config, words } = readInfo(file, path);
  const ours = Object.fromEntries([...SPECIAL_WORDS, ...words].map((word, id) => [word, id]));
  const { checkpoint, wordMap } = options.to === "sgrvinod"
    ? exportSgrvinod(file, path)
    : { checkpoint: file.tensors, wordMap: ours };

  // 2. Both on disk.
  const { out } = options;
  const wordsOut = `${out.replace(/\.[^./\\]*$/, "")}.words.json`;
  await writeFileAtomic(out, serialisePth(checkpoint));
  await writeFileAtomic(wordsOut, JSON.stringify(wordMap));

  // 3. How PyTorch takes it.
  const grid = config.grid ?? config.preprocessing.size / 32;
  if (options.json) console.log(JSON.stringify({ out, words: wordsOut, grid }));
  else if (options.to === "pth") {
    console.log(`${out}: a state dict, torch.load("${out}"); words in ${wordsOut}`);
  } else {
    console.log(
      `${out} and ${wordsOut}: checkpoint = torch.load("${out}"); ` +
        `Encoder(encoded_image_size=${grid}).load_state_dict(checkpoint["encoder"]), the decoder likewise`,
    );
  }
});
