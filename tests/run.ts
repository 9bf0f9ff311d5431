// This module runs in Deno only.
/**
 * Runs every test and closes with one line that says how many passed.
 *
 * Two things `deno test` does not do: in CI (`CI=true`) a test that was ignored is a failure; and when the process
 * dies at its exit with code 134 (a fault of some software GPU drivers, after the tests have passed), it is run
 * once more.
 */

/** What tests may do: read fixtures, write to temporary folders, run scripts, speak to loopback, load libraries. */
const PERMISSIONS = ["read", "write", "env", "run", "sys", "ffi", "net=127.0.0.1,localhost"];
const ABORTED = 134;

const flags = PERMISSIONS.map((permission) => `--allow-${permission}`);
// GPU drivers warn without it.
const environment: Record<string, string> = Deno.env.get("XDG_RUNTIME_DIR")
  ? {}
  : { XDG_RUNTIME_DIR: "/tmp" };

/** Runs `deno test`, shows what it prints, and returns its exit code and its last words. */
async function run(): Promise<{ code: number; text: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["test", "--no-prompt", ...flags, ...Deno.args],
    env: environment,
    stdout: "piped",
  });
  const child = command.spawn();
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of child.stdout) {
    await Deno.stdout.write(chunk);
    text = (text + decoder.decode(chunk, { stream: true })).slice(-4000);
  }
  // deno-lint-ignore no-control-regex -- colours
  return { code: (await child.status).code, text: text.replace(/\x1b\[[\d;]*m/g, "") };
}

/** "34 passed (120 steps)" counts 154. */
function count(text: string, word: string): number {
  const [, tests = "0", steps = "0"] = new RegExp(`(\\d+) ${word}(?: \\((\\d+) steps?\\))?`).exec(text) ?? [];
  return Number(tests) + Number(steps);
}

let result = await run();
if (result.code === ABORTED) {
  console.error(
    "The test process was aborted (code 134), as some software GPU drivers do at exit: once more.",
  );
  result = await run();
}
const summary = result.text.split("\n").findLast((line) => /^(ok|FAILED) \| /.test(line)) ?? "";
const [passed, failed, ignored] = ["passed", "failed", "ignored"].map((word) => count(summary, word));
const forbidden = Deno.env.get("CI") === "true" && ignored > 0;
if (forbidden) console.error(`In CI no test may be ignored, ${ignored} were.`);
const bad = failed + (forbidden ? ignored : 0) + (summary ? 0 : 1);
console.log(`${passed} passed, ${bad} failed${ignored > 0 ? `, ${ignored} skipped` : ""}`);
Deno.exit(result.code !== 0 ? result.code : bad > 0 ? 1 : 0);
