// This module runs in Deno only.
/** How scripts start, end and speak: exit codes, messages, progress, amounts. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { formatAmount, formatBytes, formatSeconds } from "../lib/deno/progress.ts";

describe("runScript()", () => {
  const run = async (body: string) => {
    const code = `
      import { runScript, Interrupted } from ${
      JSON.stringify(new URL("../lib/deno/run_script.ts", import.meta.url).href)
    };
      import { UsageError, HelpRequest } from ${
      JSON.stringify(new URL("../lib/deno/cli.ts", import.meta.url).href)
    };
      import { progressBar } from ${JSON.stringify(new URL("../lib/deno/progress.ts", import.meta.url).href)};
      await runScript(async () => { ${body} });`;
    const args = ["eval", "--ext=ts", code];
    const { code: exit, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args,
      env: { NO_COLOR: "1" },
    }).output();
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return [exit, text(stdout), text(stderr)];
  };

  it("turns outcomes into exit codes and errors into messages without a stack", async () => {
    const results = await Promise.all([
      run(`console.log("done")`),
      run(`return 1`),
      run(`throw new Error("Cannot read a.jpg: not found")`),
      run(`throw new UsageError("Cannot read --x: there is no such option")`),
      run(`throw new HelpRequest("Usage: …")`),
      run(`throw new Interrupted("Stopped.")`),
      run(`setInterval(() => {}, 1000); throw new Error("Cannot go on: tired")`),
      run(`null.x`),
    ]);
    assert.deepEqual(results.slice(0, 7), [
      [0, "done\n", ""],
      [1, "", ""],
      [1, "", "Cannot read a.jpg: not found\n"],
      [2, "", "Cannot read --x: there is no such option\n"],
      [0, "Usage: …\n", ""],
      [1, "", "Stopped.\n"],
      [1, "", "Cannot go on: tired\n"],
    ]);
    const [exit, , message] = results[7];
    assert.equal(exit, 1);
    assert.match(String(message), /^TypeError: Cannot read properties of null .*SHOWTELL_DEBUG=1.*\n$/);
  });

  it("shows progress in plain lines where there is no terminal, and on stderr alone", async () => {
    const [, stdout, stderr] = await run(`
      const bar = progressBar({ label: "Photos", total: 4, unit: "photos", plainEveryMs: 0 });
      bar.update(2, "one failed");
      bar.log("a line");
      bar.update(4);
      bar.done();
      bar.done();`);
    assert.equal(stdout, "");
    assert.match(
      String(stderr),
      /^Photos: 2 of 4 photos, .*, one failed\na line\nPhotos: 4 of 4 photos.*\nPhotos: 4 photos in 0\.\d s, one failed\n$/,
    );
  });

  it("draws a bar on a terminal", { ignore: Deno.build.os !== "linux" }, async () => {
    const code = `
      import { progressBar } from ${JSON.stringify(new URL("../lib/deno/progress.ts", import.meta.url).href)};
      const bar = progressBar({ label: "Archive", total: 2e6, unit: "bytes" });
      bar.update(1e6);
      bar.log("half way");
      await new Promise((resolve) => setTimeout(resolve, 200)); // it is drawn eight times a second
      bar.done("all there");`;
    const script = Deno.makeTempFileSync({ suffix: ".ts" });
    Deno.writeTextFileSync(script, code);
    const command = `${Deno.execPath()} run --config deno.json ${script}`;
    const args = ["-qec", command, "/dev/null"]; // util-linux's script gives it a terminal
    const cwd = new URL("..", import.meta.url);
    const { stdout } = await new Deno.Command("script", { args, cwd }).output();
    Deno.removeSync(script);
    const screen = new TextDecoder().decode(stdout);
    assert.match(screen, /half way\r?\n/);
    assert.match(screen, /Archive \[={10} {10}\] 50 % 1\.0 MB of 2\.0 MB, [\d.]+ .B\/s, .* left/);
    assert.match(screen, /1\.0 MB in 0\.\d s, all there/);
  });
});

describe("amounts for people", () => {
  it("are rounded and carry units", () => {
    assert.deepEqual(
      [[1, "photos"], [1, "batches"], [2, "batches"], [1, "ms"]].map(([n, unit]) =>
        formatAmount(+n, `${unit}`)
      ),
      ["1 photo", "1 batch", "2 batches", "1 ms"],
    );
    assert.deepEqual([0, 999, 1000, 252_872_794, 13_510_573_713].map(formatBytes), [
      "0 B",
      "999 B",
      "1.0 kB",
      "252.9 MB",
      "13.5 GB",
    ]);
    assert.deepEqual([0.84, 42.4, 119.7, 185, 7_800].map(formatSeconds), [
      "0.8 s",
      "42 s",
      "2 min 0 s",
      "3 min 5 s",
      "2 h 10 min",
    ]);
  });
});
