// This module runs in Deno only.

/** Where `demo` leaves its model, below the data folder. */
const DEMO_FOLDER = "demo";

/**
 * The newest of the models that training and the demo leave in a data folder.
 *
 * @throws {Error} If there is none: the message names the commands that make one.
 */
export async function findModel(data: string): Promise<string> {
  let newest: { path: string; time: number } | undefined;
  for (const path of [`${data}/model.safetensors`, `${data}/${DEMO_FOLDER}/model.safetensors`]) {
    try {
      const time = (await Deno.stat(path)).mtime?.getTime() ?? 0;
      if (!newest || time > newest.time) newest = { path, time };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  if (!newest) {
    throw new Error(
      `Cannot find a model in ${data}: run \`deno task demo\` to make one in minutes, or \`deno task train\`, ` +
        `or name one with --model`,
    );
  }
  return newest.path;
}
