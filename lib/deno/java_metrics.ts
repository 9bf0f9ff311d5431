// This module runs in Deno only.
/**
 * METEOR and SPICE by their authors' own Java programs, where the user has them: both need data and parsers that no
 * port has, and an imitation under the same name would compare with nothing.
 */

import type { Evaluation } from "../text/evaluate.ts";
import type { ForeignScore, ForeignScores } from "../text/evaluation_report.ts";
import { mean } from "../text/rouge.ts";
import { JavaProcess } from "./java_process.ts";

/** Where Java and its jar are. */
export interface JavaMetricOptions {
  /** Path of the jar, with its data beside it. */
  readonly jar: string;
  /** The Java to run. Default "java". */
  readonly java?: string;
  /** Most memory Java may take. Default: as coco-caption gives it, 2G for METEOR, 8G for SPICE. */
  readonly memory?: string;
}

/** Which of the programs to run. */
export interface JavaScoresOptions extends Pick<JavaMetricOptions, "java"> {
  /** Path of meteor-1.5.jar. Default: METEOR is not run. */
  readonly meteorJar?: string;
  /** Path of spice-1.0.jar. Default: SPICE is not run. */
  readonly spiceJar?: string;
}

/** What came of the programs, by metric. */
export interface JavaScores {
  readonly scores: ForeignScores;
  /** Those that are missing or died, and why: one is no reason to go without the other. */
  readonly failed: Readonly<Partial<Record<keyof ForeignScores, Error>>>;
}

/** Runs those of METEOR and SPICE whose jars are named, one after the other. */
export async function javaScores(
  evaluation: Evaluation,
  { meteorJar, spiceJar, java }: JavaScoresOptions,
): Promise<JavaScores> {
  const scores: { -readonly [name in keyof ForeignScores]: ForeignScore } = {};
  const failed: { -readonly [name in keyof ForeignScores]: Error } = {};
  const programs = [["METEOR", meteorJar, meteor], ["SPICE", spiceJar, spice]] as const;
  for (const [name, jar, run] of programs) {
    if (jar === undefined) continue;
    try {
      scores[name] = await run(evaluation, { jar, java });
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      failed[name] = error;
    }
  }
  return { scores, failed };
}

/**
 * METEOR 1.5 of an evaluation's captions, as coco-caption runs it (`-l en -norm`): Java is started once.
 *
 * @throws {Error} If Java or the jar is missing, or the program dies or answers with something else than numbers.
 */
export async function meteor(evaluation: Evaluation, options: JavaMetricOptions): Promise<ForeignScore> {
  const { jar, java, memory = "2G" } = options;
  const { scores: { ids }, references, candidates } = evaluation;
  const args = ["-", "-", "-stdio", "-l", "en", "-norm"];
  await using program = new JavaProcess(jar, args, { java, memory });
  const statistics: string[] = [];
  const ask = async () => {
    for (const id of ids) {
      const texts = [...references.get(id)!, candidates.get(id)!].map((words) => words.join(" "));
      await program.send(["SCORE", ...texts.map((text) => text.replaceAll("|||", ""))].join(" ||| "));
    }
  };
  const listen = async () => {
    while (statistics.length < ids.length) statistics.push(await program.receive());
  };
  await Promise.all([ask(), listen()]); // at once: a full pipe in one direction would stop the other
  await program.send(["EVAL", ...statistics].join(" ||| "));
  const answers: number[] = [];
  while (answers.length < ids.length + 1) {
    const line = await program.receive();
    const value = Number(line);
    if (line === "" || Number.isNaN(value)) {
      throw new Error(`Cannot read the scores of ${jar}: it wrote "${line}", should be a number`);
    }
    answers.push(value);
  }
  const score = answers.pop()!; // of all images together, not their mean
  return {
    score,
    perImage: Float64Array.from(answers),
    signature: `METEOR|images:${ids.length}|case:lower|tok:${tokenizerName(evaluation)}|-l:en|-norm|jar:${
      base(jar)
    }`,
  };
}

/**
 * SPICE of an evaluation's captions by the original program. Slow: it parses every caption.
 *
 * @throws {Error} If Java or the jar is missing, or the program dies.
 */
export async function spice(evaluation: Evaluation, options: JavaMetricOptions): Promise<ForeignScore> {
  const { jar, java, memory = "8G" } = options;
  const { scores: { ids }, references, candidates } = evaluation;
  const folder = await Deno.makeTempDir({ prefix: "spice" });
  try {
    const [input, output] = [`${folder}/input.json`, `${folder}/output.json`];
    const entries = ids.map((id, image) => ({
      image_id: image, // the program sorts by it and takes numbers only
      test: candidates.get(id)!.join(" "),
      refs: references.get(id)!.map((words) => words.join(" ")),
    }));
    await Deno.writeTextFile(input, JSON.stringify(entries));
    await using program = new JavaProcess(jar, [input, "-out", output, "-silent"], { java, memory });
    await program.finish();
    const perImage = await readSpice(output, { jar, images: ids.length });
    return {
      score: mean(perImage),
      perImage,
      signature: `SPICE|images:${ids.length}|case:lower|tok:${tokenizerName(evaluation)}|jar:${base(jar)}`,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * F of each image, NaN where neither the caption nor a reference says anything that can be compared.
 *
 * @throws {Error} If the program ended well and did not write what it should have.
 */
async function readSpice(path: string, { jar, images }: { jar: string; images: number }) {
  const fail = (found: string, cause?: unknown) =>
    new Error(
      `Cannot read the scores of ${jar}: ${found}, it should write one for each of ${images} images`,
      {
        cause,
      },
    );
  let found: readonly {
    readonly image_id?: number;
    readonly scores?: { readonly All?: { f: number | null } };
  }[];
  try {
    found = JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw fail(
      error instanceof SyntaxError ? `it wrote no JSON (${error.message})` : "it wrote no file",
      error,
    );
  }
  const perImage = new Float64Array(images);
  const unread = new Set(perImage.keys());
  for (const { image_id = -1, scores } of found) {
    if (unread.delete(image_id)) perImage[image_id] = scores?.All?.f ?? NaN;
  }
  if (unread.size > 0) throw fail(`it wrote none for ${unread.size}`);
  return perImage;
}

function tokenizerName({ scores }: Evaluation): string {
  return /\|tok:([^|]+)/.exec(scores.signatures.Bleu_4)![1];
}
function base(path: string): string {
  return path.replace(/^.*[\\/]/, "");
}
