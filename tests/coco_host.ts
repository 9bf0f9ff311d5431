// This module runs in Deno only.
/** A COCO host on loopback whose faults can be switched on, for tests of the downloader. */

/** What goes wrong with an answer. */
export type Fault =
  /** The connection breaks after so many bytes of the body. */
  | { readonly kind: "cut"; readonly after: number; readonly noValidator?: boolean }
  /** The body stops after so many bytes, and the connection stays open. */
  | { readonly kind: "stall"; readonly after: number }
  /** Another status, e.g. 503 with Retry-After. */
  | { readonly kind: "status"; readonly status: number; readonly retryAfter?: string }
  /** More bytes are announced than are there. */
  | { readonly kind: "wrongLength" }
  /** No length is announced. */
  | { readonly kind: "noLength" }
  /** A few bytes at a time. */
  | { readonly kind: "drip"; readonly bytes: number; readonly everyMs: number }
  /** The answer comes late. */
  | { readonly kind: "late"; readonly ms: number }
  /** The file is elsewhere. */
  | { readonly kind: "redirect"; readonly to: string }
  /** A login page in its place, with status 200. */
  | { readonly kind: "html" }
  /** Other bytes in its place. */
  | { readonly kind: "bytes"; readonly bytes: Uint8Array<ArrayBuffer> }
  /** Range is not understood: the whole file, with status 200. */
  | { readonly kind: "ignoreRange" }
  /** Neither ETag nor date is sent. */
  | { readonly kind: "noValidator" };

/** A request as the host saw it. */
export interface SeenRequest {
  readonly path: string;
  readonly range: string | null;
  readonly ifRange: string | null;
  readonly userAgent: string | null;
}

/** Files by path, "/val2014/a.jpg". */
export type HostFiles = Record<string, Uint8Array<ArrayBuffer>>;

/** The host. Close it with `await using`. */
export class CocoHost implements AsyncDisposable {
  readonly files: HostFiles;
  /** All requests so far. */
  readonly requests: SeenRequest[] = [];
  /** The most answers that were under way at once. */
  mostAtOnce = 0;
  readonly #faults = new Map<string, { fault: Fault; left: number }[]>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #closing = new AbortController();
  #atOnce = 0;
  #waiting: (() => void)[] = [];

  constructor(files: HostFiles) {
    this.files = files;
    this.#server = Deno.serve({
      hostname: "127.0.0.1",
      port: 0,
      onListen: () => {},
      onError: () => new Response(null, { status: 500 }), // a body that breaks on purpose ends up here
    }, (request) => this.#answer(request));
  }

  /** "http://127.0.0.1:PORT": what `--mirror` takes. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}`;
  }

  /** Makes the next `times` answers for `path` (or for "*", all without faults of their own) go wrong. */
  fault(path: string, fault: Fault, times = Infinity): this {
    this.#faults.set(path, [...this.#faults.get(path) ?? [], { fault, left: times }]);
    return this;
  }

  /** Ends all faults. */
  heal(): void {
    this.#faults.clear();
  }

  /** Paths asked for so far, one for each request. */
  get paths(): string[] {
    return this.requests.map(({ path }) => path);
  }

  /** Resolves with the next request. */
  nextRequest(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname: path } = new URL(request.url);
    const { headers } = request;
    const range = headers.get("range");
    const ifRange = headers.get("if-range");
    this.requests.push({ path, range, ifRange, userAgent: headers.get("user-agent") });
    for (const resolve of this.#waiting.splice(0)) resolve();
    this.mostAtOnce = Math.max(this.mostAtOnce, ++this.#atOnce);
    try {
      return await this.#respond(path, range, ifRange);
    } finally {
      this.#atOnce--;
    }
  }

  #takeFault(path: string): Fault | undefined {
    for (const key of [path, "*"]) {
      const entry = this.#faults.get(key)?.find(({ left }) => left > 0);
      if (entry) {
        entry.left--;
        return entry.fault;
      }
    }
  }

  async #respond(path: string, range: string | null, ifRange: string | null): Promise<Response> {
    const fault = this.#takeFault(path);
    switch (fault?.kind) {
      case "status": {
        const headers: HeadersInit = fault.retryAfter === undefined
          ? {}
          : { "retry-after": fault.retryAfter };
        return new Response(`status ${fault.status}`, { status: fault.status, headers });
      }
      case "html":
        return new Response("<!DOCTYPE html><title>Log in</title>", {
          headers: { "content-type": "text/html" },
        });
      case "redirect":
        return new Response(null, { status: 302, headers: { location: `${this.url}${fault.to}` } });
      case "late":
        await this.#sleep(fault.ms);
    }
    const file = fault?.kind === "bytes" ? fault.bytes : this.files[path];
    if (!file) return new Response("no such file", { status: 404 });
    const etag = `"${await digest(file)}"`;
    const headers: Record<string, string> = {
      "content-type": path.endsWith(".jpg") ? "image/jpeg" : "application/zip",
      ...(fault?.kind === "noValidator" || (fault?.kind === "cut" && fault.noValidator) ? {} : { etag }),
    };
    let start = 0;
    if (range && fault?.kind !== "ignoreRange" && (ifRange === null || ifRange === etag)) {
      start = Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
      if (start >= file.length) {
        return new Response(null, { status: 416, headers: { "content-range": `bytes */${file.length}` } });
      }
      headers["content-range"] = `bytes ${start}-${file.length - 1}/${file.length}`;
    }
    const status = headers["content-range"] ? 206 : 200;
    const length = file.length - start + (fault?.kind === "wrongLength" ? 100 : 0);
    if (fault?.kind !== "noLength") headers["content-length"] = String(length);
    const plain = fault === undefined ||
      !["cut", "stall", "wrongLength", "noLength", "drip"].includes(fault.kind);
    return new Response(plain ? file.subarray(start) : this.#body(file, start, fault), { status, headers });
  }

  #body(file: Uint8Array<ArrayBuffer>, start: number, fault: Fault): ReadableStream<Uint8Array> {
    const end = fault.kind === "cut" || fault.kind === "stall"
      ? Math.min(file.length, start + fault.after)
      : file.length;
    const step = fault.kind === "drip" ? fault.bytes : 16_384;
    let at = start;
    return new ReadableStream<Uint8Array>({
      pull: async (controller) => {
        if (fault.kind === "drip" && at > start) await this.#sleep(fault.everyMs);
        if (at < end) controller.enqueue(file.subarray(at, at = Math.min(end, at + step)));
        else if (fault.kind === "cut") controller.error(new Error("cut on purpose"));
        else if (fault.kind === "stall") await this.#sleep(3_600_000);
        else controller.close();
      },
    }, { highWaterMark: 0 });
  }

  /** Waits, but not beyond the host's end. */
  #sleep(ms: number): Promise<void> {
    if (this.#closing.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(done, ms);
      this.#closing.signal.addEventListener("abort", done, { once: true });
      function done() {
        clearTimeout(timer);
        resolve();
      }
    });
  }
}

const digests = new WeakMap<Uint8Array, string>();

async function digest(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  let text = digests.get(bytes);
  if (!text) digests.set(bytes, text = await sha256(bytes));
  return text;
}

/** SHA-256 in lower-case hexadecimal. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A file that passes for a JPEG by its markers, of a given size and with contents of its own. */
export function fakeJpeg(bytes: number, seed: number): Uint8Array<ArrayBuffer> {
  const jpeg = new Uint8Array(bytes);
  for (let i = 0; i < bytes; i++) jpeg[i] = (i * 7919 + seed * 104_729) % 251; // 0xff never: no marker by chance
  jpeg.set([
    0xff,
    0xd8,
    0xff,
    0xc0,
    0,
    11,
    8,
    0,
    64,
    0,
    64,
    1,
    1,
    0x11,
    0,
    0xff,
    0xda,
    0,
    8,
    1,
    1,
    0,
    0,
    63,
    0,
  ]);
  jpeg.set([0xff, 0xd9], bytes - 2);
  return jpeg;
}
