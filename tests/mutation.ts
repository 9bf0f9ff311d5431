// This module runs in Deno only.
/**
 * Breaks each gradient in turn (a sign, an index, a term) and shows that a test notices.
 *
 *     deno task mutate [PATTERN]
 *
 * Works on a temporary copy of the project. Shaders and the CPU's fast forms are broken many at a time, each in
 * another kernel, and must fail that kernel's cases in webgpu_kernels_test.ts; a twin is broken alone, and must fail
 * the finite differences of its op's test. PATTERN: only kernels that match. Takes some five minutes of CPU.
 * Prints a table in Markdown; exit code 1 if one change went unnoticed.
 */
import { mutate, type Mutation, MUTATIONS, twinTest } from "./mutations/mod.ts";
import { inRounds, noticed } from "./mutations/rounds.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const COPIED = ["kernels", "lib", "tests", "scripts", "deno.json", "deno.lock"];
const KERNEL_TEST = "tests/webgpu_kernels_test.ts";

/** Which test noticed a mutation, and what it said; nothing if none did. */
export interface Verdict {
  readonly mutation: Mutation;
  readonly test?: string;
}

async function copy(from: string, to: string): Promise<void> {
  if (Deno.statSync(from).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

async function runTest(
  dir: string,
  file: string,
  suite?: string,
): Promise<{ failed: boolean; output: string }> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "--allow-all", "--no-check", ...(suite ? ["--filter", suite] : []), file],
    cwd: dir,
    env: { NO_COLOR: "1", CI: "", XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp" },
  }).output();
  const output = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  return { failed: !success, output };
}

/** Makes the changes in `dir`, runs `body`, and puts the files back. */
async function broken<T>(dir: string, mutations: readonly Mutation[], body: () => Promise<T>): Promise<T> {
  const original = new Map<string, string>();
  for (const mutation of mutations) {
    const path = `${dir}/${mutation.file}`;
    const text = await Deno.readTextFile(path);
    if (!original.has(path)) original.set(path, text);
    await Deno.writeTextFile(path, mutate(text, mutation));
  }
  try {
    return await body();
  } finally {
    for (const [path, text] of original) await Deno.writeTextFile(path, text);
  }
}

/** Tries shaders and fast forms: many in one run of the kernel tests. */
async function tryKernels(dir: string, round: readonly Mutation[]): Promise<Verdict[]> {
  const { output } = await broken(dir, round, () => runTest(dir, KERNEL_TEST));
  return round.map((mutation) => {
    const what = noticed(mutation, output);
    return { mutation, test: what && `webgpu_kernels_test, ${what}` };
  });
}

/** Tries one twin: an assertion about its numbers must fail, not merely the module. */
async function tryTwin(dir: string, mutation: Mutation): Promise<Verdict> {
  const [file, suite] = twinTest(mutation.kernel);
  const { failed, output } = await broken(dir, [mutation], () => runTest(dir, file, suite));
  const [, message] = /AssertionError: (the (?:gradient|value) .*?)(?:\n|$)/.exec(output) ?? [];
  const name = file.replace(/^tests\/|\.ts$/g, "");
  return { mutation, test: failed && message ? `${name}, ${suite}: ${message}` : undefined };
}

/** Breaks and tests; the verdicts in the order of `mutations`. */
export async function tryMutations(mutations: readonly Mutation[]): Promise<Verdict[]> {
  const dir = await Deno.makeTempDir({ prefix: "showtell_mutants_" });
  try {
    for (const name of COPIED) await copy(`${ROOT}${name}`, `${dir}/${name}`);
    const verdicts: Verdict[] = [];
    const rounds = inRounds(mutations.filter(({ form }) => form !== "twin"));
    for (const [i, round] of rounds.entries()) {
      console.error(`round ${i + 1} of ${rounds.length}: ${round.length} shaders and fast forms`);
      verdicts.push(...await tryKernels(dir, round));
    }
    for (const mutation of mutations.filter(({ form }) => form === "twin")) {
      verdicts.push(await tryTwin(dir, mutation));
      console.error(
        `twin of ${mutation.kernel}, ${mutation.change[0]}: ${verdicts.at(-1)!.test ?? "NOT NOTICED"}`,
      );
    }
    return mutations.map((mutation) => verdicts.find((verdict) => verdict.mutation === mutation)!);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

function row({ mutation: { kernel, form, change: [kind, find, replace] }, test }: Verdict): string {
  const code = (text: string) =>
    `\`${text.replaceAll("\n", " ").replace(/ +/g, " ").replaceAll("|", "\\|")}\``;
  const words = (text: string) => text.replaceAll("|", "\\|").slice(0, 150);
  return `| ${kernel} | ${form} | ${kind}: ${code(find)} → ${code(replace)} | ${
    test ? words(test) : "**none**"
  } |`;
}

if (import.meta.main) {
  const pattern = new RegExp(Deno.args[0] ?? "");
  const verdicts = await tryMutations(
    MUTATIONS.filter(({ kernel, form }) => pattern.test(`${kernel} ${form}`)),
  );
  console.log("| kernel | form | change | noticed by |\n| --- | --- | --- | --- |");
  for (const verdict of verdicts) console.log(row(verdict));
  const killed = verdicts.filter(({ test }) => test).length;
  console.log(`\n${killed} of ${verdicts.length} changes were noticed by a test`);
  Deno.exit(killed === verdicts.length ? 0 : 1);
}
