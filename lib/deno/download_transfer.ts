// This module runs in Deno only.
/** Moves one URL's bytes into a sink, going on where it was cut off (RFC 9110, 14: Range and If-Range). */

import { DiskError, DownloadError, networkError, statusError } from "./download_error.ts";
import type { Sink } from "./download_sinks.ts";
import { backoff, Pause, type RetryOptions, wait } from "./download_retry.ts";

/** Options of {@linkcode transfer}. */
export interface TransferOptions extends RetryOptions {
  /** Size the whole must have. */
  readonly sizeBytes?: number;
  /** Largest size accepted where it is not known. Default: no limit. */
  readonly maxBytes?: number;
  /** What it must not be, by its Content-Type: a login page in place of an archive. Default: web pages. */
  readonly refuse?: RegExp;
  /** Called with the bytes that the sink holds, and those of the whole where the server says. */
  readonly onBytes?: (bytes: number, total: number | undefined) => void;
}

/** What it took. */
export interface Transferred {
  /** Requests beyond the first. */
  readonly retries: number;
  /** Bytes that came over the network. */
  readonly receivedBytes: number;
}

/** Names the program to the hosts it loads from. */
const USER_AGENT = `Showtell/0.1 (image captioning tutorial; Deno ${Deno.version.deno})`;

/** Tries that brought at least this much are progress: they do not count towards giving up. */
const PROGRESS_BYTES = 1 << 20;

/**
 * Transfers until the sink holds everything.
 *
 * A cut connection, a stall, 408, 429 and server errors are tried again with growing pauses, or when the server says
 * (Retry-After); other answers are not.
 *
 * @throws {DownloadError} If it cannot be had.
 * @throws {DiskError} If the sink cannot write it.
 */
export async function transfer(url: string, sink: Sink, options: TransferOptions = {}): Promise<Transferred> {
  const { attempts = 5, backoffMs = 500, maxRetryAfterMs = 120_000, pause = new Pause(), signal } = options;
  let retries = 0;
  let receivedBytes = 0;
  for (let attempt = 1;;) {
    await waitOut(pause, signal);
    let received = 0;
    try {
      await attemptOnce(url, sink, options, (bytes) => {
        received += bytes;
        options.onReceived?.(bytes);
      });
      return { retries, receivedBytes: receivedBytes + received };
    } catch (thrown) {
      signal?.throwIfAborted();
      if (thrown instanceof DiskError) throw thrown;
      const error = networkError(thrown);
      receivedBytes += received;
      attempt = received >= PROGRESS_BYTES ? 2 : attempt + 1;
      if (!error.retry) throw error;
      if (attempt > attempts) {
        throw new DownloadError(`${error.message}, ${attempts} times`, { retry: true, cause: error });
      }
      const { retryAfterMs } = error;
      if (retryAfterMs !== undefined && retryAfterMs > maxRetryAfterMs) {
        const minutes = Math.ceil(retryAfterMs / 60_000);
        throw new DownloadError(`${error.message} and asks to come back in ${minutes} minutes`, {
          retry: true,
        });
      }
      retries++;
      if (retryAfterMs !== undefined) pause.extend(retryAfterMs);
      else await wait(backoff(attempt, backoffMs), signal);
    }
  }
}

async function waitOut(pause: Pause, signal?: AbortSignal): Promise<void> {
  while (pause.remainingMs > 0) await wait(pause.remainingMs, signal);
  signal?.throwIfAborted();
}

async function attemptOnce(
  url: string,
  sink: Sink,
  options: TransferOptions,
  onReceived: (bytes: number) => void,
): Promise<void> {
  const { stallMs = 30_000, signal, onBytes } = options;
  if (sink.length > 0 && !sink.resumable) sink.restart(undefined);
  const request = new AbortController();
  const forward = () => request.abort(signal!.reason);
  signal?.addEventListener("abort", forward, { once: true });
  let aliveAt = performance.now();
  const watch = setInterval(() => {
    if (performance.now() - aliveAt < stallMs) return;
    request.abort(new DownloadError(`no byte came for ${stallMs / 1000} s`, { retry: true }));
  }, Math.min(stallMs, 1000) / 2);
  let body: ReadableStream<Uint8Array> | null = null;
  try {
    const response = await fetch(url, { headers: requestHeaders(sink), signal: request.signal });
    body = response.body;
    aliveAt = performance.now();
    const whole = accept(response, sink, options);
    if (whole === "complete") return;
    if (body) {
      for await (const chunk of body) {
        aliveAt = performance.now();
        onReceived(chunk.length);
        sink.append(chunk);
        if (sink.length > (whole ?? options.maxBytes ?? Infinity)) {
          throw tooLarge(sink.length, whole, options);
        }
        onBytes?.(sink.length, whole);
      }
    }
    if (whole !== undefined && sink.length !== whole) {
      throw new DownloadError(`the connection was cut after ${sink.length} of ${whole} bytes`, {
        retry: true,
      });
    }
  } finally {
    clearInterval(watch);
    signal?.removeEventListener("abort", forward);
    // An answer that is not read to its end must be dropped, or its connection stays open.
    if (body && !body.locked) await body.cancel().catch(() => {/* it has failed already */});
  }
}

function requestHeaders(sink: Sink): Record<string, string> {
  return {
    "user-agent": USER_AGENT,
    "accept-encoding": "identity", // compressed on the way, sizes and ranges would be of something else
    ...(sink.length > 0 ? { range: `bytes=${sink.length}-` } : {}),
    ...(sink.length > 0 && sink.validator ? { "if-range": sink.validator } : {}),
  };
}

/**
 * Looks at an answer's head and sets the sink to where its body begins.
 *
 * @returns Bytes of the whole file, undefined where the server does not say, "complete" if nothing is missing.
 */
function accept(response: Response, sink: Sink, options: TransferOptions): number | "complete" | undefined {
  const { sizeBytes, refuse = /^text\/html\b|^application\/xhtml/ } = options;
  const { status, headers } = response;
  if (status === 416 && sink.length > 0) {
    const size = Number(/^bytes \*\/(\d+)$/.exec(headers.get("content-range") ?? "")?.[1]);
    if (size === sink.length) return "complete";
    sink.restart(undefined);
    throw new DownloadError("the server has no such range: what was there is of another version", {
      retry: true,
    });
  }
  if (status !== 200 && status !== 206) throw statusError(response);
  const type = headers.get("content-type") ?? "";
  if (refuse.test(type)) throw new DownloadError(`the server sent ${type.split(";")[0]} in its place`);
  const length = headers.has("content-length") ? Number(headers.get("content-length")) : undefined;
  let whole = length;
  if (status === 206) {
    const [, start, end, size] = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get("content-range") ?? "") ??
      [];
    if (Number(start) !== sink.length || sink.length === 0) {
      sink.restart(undefined);
      throw new DownloadError("the server sent another range than asked for", { retry: true });
    }
    whole = size === "*" ? Number(end) + 1 : Number(size);
  } else {
    sink.restart(validatorOf(headers));
  }
  const limit = sizeBytes ?? options.maxBytes ?? Infinity;
  if (whole !== undefined && (whole > limit || (sizeBytes !== undefined && whole !== sizeBytes))) {
    throw tooLarge(whole, sizeBytes, options);
  }
  return whole ?? sizeBytes;
}

function tooLarge(found: number, whole: number | undefined, { maxBytes }: TransferOptions): DownloadError {
  const expected = whole === undefined ? `at most ${maxBytes} are expected` : `not ${whole}`;
  return new DownloadError(`it has ${found} bytes, ${expected}`, { wrong: true });
}

/** What If-Range may carry: a strong ETag, else the date. */
function validatorOf(headers: Headers): string | undefined {
  const etag = headers.get("etag");
  if (etag && !etag.startsWith("W/")) return etag;
  return headers.get("last-modified") ?? undefined;
}
