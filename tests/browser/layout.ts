// This module runs in Deno only.
/**
 * Lays pages out in Chromium, at the widths of two phones and a desktop, and prints {@linkcode LayoutReport}s as JSON.
 *
 *     deno run --allow-all tests/browser/layout.ts FOLDER NAME…
 *
 * NAME.html is in FOLDER. A process of its own because playwright-core reads what no single permission allows.
 */
import { chromium } from "playwright-core";
import { EXECUTABLE } from "./executable.ts";

/** A page at one width of the window. */
export interface LayoutReport {
  readonly name: string;
  /** Of the window, in pixels. */
  readonly width: number;
  /** Of what the page holds, in pixels: more than `width` where something sticks out. */
  readonly scrollWidth: number;
  readonly title: string;
  /** What it asked for beside itself. */
  readonly requests: readonly string[];
}

if (import.meta.main) {
  const [folder, ...names] = Deno.args;
  const browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: ["--no-sandbox", "--no-first-run"],
  });
  const page = await browser.newPage();
  const reports: LayoutReport[] = [];
  let requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  for (const name of names) {
    for (const width of [320, 390, 1280]) {
      await page.setViewportSize({ width, height: 800 });
      requests = [];
      await page.goto(`file://${folder}/${name}.html`);
      reports.push({
        name,
        width,
        scrollWidth: await page.evaluate(() => document.documentElement.scrollWidth),
        title: await page.title(),
        requests: requests.slice(1).filter((url) => !url.startsWith("data:")),
      });
    }
  }
  await browser.close();
  console.log(JSON.stringify(reports));
}
