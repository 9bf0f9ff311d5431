// This module runs in Deno only.
/**
 * Opens the page in Chromium, has it check everything, and prints a {@linkcode PageReport} as JSON.
 *
 *     deno run --allow-all tests/browser/drive.ts MODEL WIDTHxHEIGHT [PATTERN…]
 *
 * A process of its own because playwright-core reads what no single permission allows.
 */
import type { WrittenCaption } from "../../lib/mod.ts";
import type { CaseResult } from "../kernel_cases/mod.ts";
import { openPage } from "./chromium.ts";
import type { BrowserChecks } from "./page.ts";

/** What a page found out. */
export interface PageReport {
  readonly devices: readonly string[];
  readonly complaints: readonly string[];
  readonly results: readonly CaseResult[];
  readonly captions: readonly (readonly WrittenCaption[])[];
}

/** The page's checks, as seen from a function that runs in the page. */
type Page = typeof globalThis & { readonly checks: BrowserChecks };

if (import.meta.main) {
  const [model, size, ...except] = Deno.args;
  const { page, close } = await openPage({ "/model.safetensors": await Deno.readFile(model) });
  try {
    const report: PageReport = {
      devices: await page.evaluate(() => (globalThis as Page).checks.devices()),
      complaints: await page.evaluate(() => (globalThis as Page).checks.compile()),
      captions: await page.evaluate((size) => {
        const [width, height] = size.split("x").map(Number);
        return (globalThis as Page).checks.caption("/model.safetensors", { width, height });
      }, size),
      results: await page.evaluate((except) => (globalThis as Page).checks.runCases(except), except),
    };
    console.log(JSON.stringify(report, (_, value) => value === Infinity ? "Infinity" : value));
  } finally {
    await close();
  }
}
