/**
 * Checks our mathematics against PyTorch's: every op, training step by step, and decoding, on every device.
 *
 *     deno task verify DIR
 *     deno run --allow-read --allow-env=XDG_RUNTIME_DIR scripts/verify.ts DIR
 *
 * Reads  DIR, goldens that a PyTorch program wrote. Writes nothing. Takes half a minute.
 */
import type { Backend } from "../lib/backend/backend.ts";
import { openCpu } from "../lib/backend/cpu.ts";
import { DEVICES } from "../lib/backend/open.ts";
import { openWebgpu } from "../lib/backend/webgpu.ts";
import { openBlas } from "../lib/deno/blas.ts";
import { parseOptions } from "../lib/deno/cli.ts";
import { BLAS_OPTION } from "../lib/deno/device_options.ts";
import { GOLDEN_GROUPS, verifyGoldens } from "../lib/deno/goldens.ts";
import { quietGraphics } from "../lib/deno/open_device.ts";
import { runScript } from "../lib/deno/run_script.ts";
import type { VerifiedCase } from "../lib/verify/report.ts";

await runScript(async () => {
  const options = parseOptions(Deno.args, {
    device: {
      default: "auto",
      choices: DEVICES,
      description: "auto: the CPU, and the GPU where there is one",
    },
    blas: BLAS_OPTION,
    group: { choices: GOLDEN_GROUPS, list: true, description: "only these parts (default: all)" },
    json: { default: false, description: "print the cases as JSON on stdout" },
  }, {
    purpose: "Compares every golden case with ours and prints the worst error of each.",
    command: "deno task verify",
    positionals: { name: "DIR", description: "a folder of goldens", min: 1, max: 1 },
    examples: ["deno task verify goldens", "deno task verify goldens --device webgpu --group ops"],
  });

  // 1. The devices.
  if (options.device !== "cpu") quietGraphics();
  const backends: Backend[] = [];
  if (options.device !== "webgpu") backends.push(await openCpu({ blas: () => openBlas(options.blas) }));
  const wantsGpu = options.device === "webgpu" ||
    (options.device === "auto" && await navigator.gpu?.requestAdapter());
  if (wantsGpu) backends.push(await openWebgpu());

  // 2. Every case on each, its worst error beside what it may be.
  const cases: VerifiedCase[] = [];
  const groups = options.group.length > 0 ? options.group : GOLDEN_GROUPS;
  for (const backend of backends) {
    console.error(`verifying on ${backend.description}`);
    for await (const one of verifyGoldens(backend, options.positionals[0], groups)) {
      cases.push(one);
      const error = `${one.maxError.toExponential(1)} of ${one.tolerance.toExponential(1)}`;
      console.error(`${one.ok ? "ok    " : "FAILED"} ${one.device} ${one.group} ${one.name}: ${error}`);
    }
    backend.close();
  }

  // 3. The verdict.
  if (cases.length === 0) {
    throw new Error(`Cannot verify ${options.positionals[0]}: it holds no case of ${groups.join(", ")}`);
  }
  const failed = cases.filter(({ ok }) => !ok).length;
  if (options.json) console.log(JSON.stringify({ cases, ok: failed === 0 }));
  else console.log(`${cases.length - failed} of ${cases.length} cases within their tolerance`);
  return failed === 0 ? 0 : 1;
});
