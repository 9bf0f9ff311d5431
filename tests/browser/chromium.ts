// This module runs in Deno only.
/** Pages in Debian's Chromium, without a window, that have our library: bundled, and served on loopback. */

import { type BrowserContext, chromium, type Page } from "playwright-core";
import { EXECUTABLE } from "./executable.ts";

/**
 * WebGPU on SwiftShader, a Vulkan driver that Chromium brings along; nothing that calls home; root may run it.
 *
 * Workgroup memory is not cleared when a kernel starts: SwiftShader compiles that to a store for each element, which
 * takes it 2 s a program, half of all the time. No kernel reads what it has not written, so it may hold anything.
 */
const FLAGS = [
  "--enable-unsafe-webgpu",
  "--enable-features=Vulkan",
  "--use-vulkan=swiftshader",
  "--use-webgpu-adapter=swiftshader",
  "--enable-dawn-features=disable_workgroup_init",
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

/** A browser with our page. */
async function launch(profile: string, url: string): Promise<{ context: BrowserContext; page: Page }> {
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: EXECUTABLE,
    headless: true,
    args: FLAGS,
  });
  const page = await context.newPage();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url);
  if (await page.evaluate(() => "checks" in globalThis)) return { context, page };
  await context.close();
  throw new Error(`Cannot run the page: ${errors.join("; ") || "its script offers no checks"}`);
}

/** Open pages, each in a browser of its own. */
export interface OpenPages {
  readonly pages: readonly Page[];
  /** Closes pages, browsers and server, and removes what they left. */
  close(): Promise<void>;
}

/**
 * Opens the page in `count` browsers: pages of one browser would share its GPU process, which compiles one program
 * after the other.
 *
 * @param files What the pages may fetch, by path: "/model.safetensors".
 * @throws {Error} If a page's script fails.
 */
export async function openPages(
  count: number,
  files: Readonly<Record<string, Uint8Array<ArrayBuffer>>>,
): Promise<OpenPages> {
  const folder = await Deno.makeTempDir({ prefix: "showtell_browser_" });
  const server = serve(await bundle(folder), files);
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const launches = await Promise.allSettled(
    Array.from({ length: count }, (_, i) => launch(`${folder}/profile${i}`, url)),
  );
  const opened = launches.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  const close = async () => {
    for (const { context } of opened) await context.close();
    await server.shutdown();
    await Deno.remove(folder, { recursive: true });
  };
  const failure = launches.find((one) => one.status === "rejected");
  if (failure) {
    await close();
    throw failure.reason;
  }
  return { pages: opened.map(({ page }) => page), close };
}
