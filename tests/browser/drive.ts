// This module runs in Deno only.
/**
 * Opens the page in Chromium, has it check everything, and prints a {@linkcode PageReport} as JSON.
 *
 *     deno run --allow-all tests/browser/drive.ts MODEL WIDTHxHEIGHT
 *
 * A process of its own because playwright-core reads what no single permission allows.
 */
import type { Page } from "playwright-core";
import type { WrittenCaption } from "../../lib/mod.ts";
import { type CaseResult, KERNEL_CASES } from "../kernel_cases/mod.ts";
import { openPages } from "./chromium.ts";
import type { BrowserChecks, KernelInputs } from "./page.ts";

/** What the pages found out. */
export interface PageReport {
  readonly devices: readonly string[];
  readonly complaints: readonly string[];
  /** Of every kernel case, in order. */
  readonly results: Readonly<Record<KernelInputs, readonly CaseResult[]>>;
  readonly captions: readonly (readonly WrittenCaption[])[];
}

/** Nearly all the time is SwiftShader's compiler, which works on one core. */
const BROWSERS = Math.min(4, navigator.hardwareConcurrency);

const LIMIT_S = 180; // a case takes 2 s of a core at most

/** The page's checks, as seen from a function that runs in the page. */
type InPage = typeof globalThis & { readonly checks: BrowserChecks };

/** What `work` gives, if it comes in time. */
async function inTime<T>(work: Promise<T>, name: string): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const message =
    `Cannot run ${name} in Chromium: no result after ${LIMIT_S} s. SwiftShader's compiler takes ` +
    `time by the square of a program's length: helpers that load from buffers should be called in loops`;
  const timer = setTimeout(() => reject(new Error(message)), LIMIT_S * 1000);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs every kernel case, twice: each page takes the next one when it is done with one. */
async function runCases(pages: readonly Page[]): Promise<PageReport["results"]> {
  const results: Record<KernelInputs, CaseResult[]> = { buffers: [], texels: [] };
  const jobs = KERNEL_CASES.flatMap((one, index) =>
    (["buffers", "texels"] as const).map((inputs) => ({ one, index, inputs }))
  ).values();
  await Promise.all(pages.map(async (page) => {
    for (const { one, index, inputs } of jobs) {
      const result = page.evaluate(
        ([index, inputs]) => (globalThis as InPage).checks.runCase(index, inputs),
        [index, inputs] as const,
      );
      results[inputs][index] = await inTime(result, `${one.program.name}, ${one.what} from ${inputs}`);
    }
  }));
  return results;
}

if (import.meta.main) {
  const [model, size] = Deno.args;
  const { pages, close } = await openPages(BROWSERS, { "/model.safetensors": await Deno.readFile(model) });
  const [page] = pages;
  try {
    const report: PageReport = {
      devices: await page.evaluate(() => (globalThis as InPage).checks.devices()),
      complaints: await page.evaluate(() => (globalThis as InPage).checks.compile()),
      captions: await page.evaluate((size) => {
        const [width, height] = size.split("x").map(Number);
        return (globalThis as InPage).checks.caption("/model.safetensors", { width, height });
      }, size),
      results: await runCases(pages),
    };
    console.log(JSON.stringify(report, (_, value) => value === Infinity ? "Infinity" : value));
  } finally {
    await close();
  }
}
