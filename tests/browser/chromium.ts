// This module runs in Deno only.
/** A page in Debian's Chromium, without a window, that has our library: bundled, and served on loopback. */

import { chromium, type Page } from "playwright-core";
import { EXECUTABLE } from "./executable.ts";

/** WebGPU on SwiftShader, a Vulkan driver that Chromium brings along; nothing that calls home; root may run it. */
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-webgpu-adapter=swiftshader",
  "--no-sandbox",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** The page's script: the tests' side of the library and all of it that they use, as a browser reads it. */
async function bundle(folder: string): Promise<string> {
  const entry = `${folder}/entry.ts`;
  const page = new URL("./page.ts", import.meta.url).href;
  await Deno.writeTextFile(entry, `import { offerChecks } from "${page}";\nofferChecks();\n`);
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["bundle", "--quiet", "--platform", "browser", entry],
    cwd: new URL("../..", import.meta.url).pathname, // where deno.json is
    env: { NO_COLOR: "1" },
  }).output();
  const [script, complaint] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  if (!success) throw new Error(`Cannot bundle ${page} for a browser: ${complaint}`);
  return script;
}

/** Answers with the page, its script and `files`, on a free port of loopback. */
function serve(script: string, files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>) {
  const html = `<!doctype html><title>Showtell</title><script type="module" src="/page.js"></script>`;
  const pages: Readonly<Record<string, readonly [type: string, body: string | Uint8Array<ArrayBuffer>]>> = {
    "/": ["text/html", html],
    "/page.js": ["text/javascript", script],
    ...Object.fromEntries(
      Object.entries(files).map(([path, bytes]) => [path, ["application/octet-stream", bytes]]),
    ),
  };
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const [type, body] = pages[new URL(request.url).pathname] ?? [];
    return type
      ? new Response(body, { headers: { "content-type": type } })
      : new Response(null, { status: 404 });
  });
}

/** An open page. */
export interface OpenPage {
  readonly page: Page;
  /** Closes page, browser and server, and removes what they left. */
  close(): Promise<void>;
}

/**
 * Opens the page.
 *
 * @param files What it may fetch, by path: "/model.safetensors".
 * @throws {Error} If its script fails.
 */
export async function openPage(files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>): Promise<OpenPage> {
  const folder = await Deno.makeTempDir({ prefix: "showtell_browser_" });
  const server = serve(await bundle(folder), files);
  const context = await chromium.launchPersistentContext(`${folder}/profile`, {
    executablePath: EXECUTABLE,
    headless: true,
    args: FLAGS,
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(`http://127.0.0.1:${server.addr.port}/`);
  const close = async () => {
    await context.close();
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  };
  if (!await page.evaluate(() => "checks" in globalThis)) {
    await close();
    throw new Error(`Cannot run the page: ${errors.join("; ") || "its script offers no checks"}`);
  }
  return { page, close };
}
