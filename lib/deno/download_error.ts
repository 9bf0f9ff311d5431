// This module runs in Deno only.
/** What can go wrong with a download, and whether trying again can help. */

import { whyUnwritable } from "./write_file.ts";

/** A download failed; callers count and report it. */
export class DownloadError extends Error {
  override name = "DownloadError";
  /** Whether the same request may succeed later: the network was cut, the server is busy. */
  readonly retry: boolean;
  /** Whether what was downloaded is not the file: it must not be gone on with. */
  readonly wrong: boolean;
  /** How long the server asked to wait, in milliseconds. */
  readonly retryAfterMs?: number;

  constructor(
    reason: string,
    options: {
      readonly retry?: boolean;
      readonly wrong?: boolean;
      readonly retryAfterMs?: number;
      readonly cause?: unknown;
    } = {},
  ) {
    super(reason, { cause: options.cause });
    this.retry = options.retry ?? false;
    this.wrong = options.wrong ?? false;
    this.retryAfterMs = options.retryAfterMs;
  }
}

/** What came over the network cannot be written here: of no use to try again, whatever is next. */
export class DiskError extends Error {
  override name = "DiskError";

  /**
   * @param path The file that was written.
   * @param cause What the system said.
   */
  constructor(path: string, cause: unknown) {
    super(
      `Cannot write ${path}: ${whyUnwritable(cause)}; mend that, and the same command goes on from here`,
      {
        cause,
      },
    );
  }
}

/** 408 timeout, 425 and 429 too many requests, and server errors except "not implemented" and "wrong version". */
const RETRY_STATUS = new Set([408, 425, 429, 500, 502, 503, 504, 507, 508, 520, 521, 522, 523, 524]);

/** The error of an answer that is not the file. */
export function statusError(response: Response, now = Date.now()): DownloadError {
  const text = response.statusText || STATUS_TEXT[response.status] || "";
  return new DownloadError(`the server answered ${response.status}${text ? ` ${text}` : ""}`, {
    retry: RETRY_STATUS.has(response.status),
    retryAfterMs: retryAfter(response.headers.get("retry-after"), now),
  });
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  403: "Forbidden",
  404: "Not Found",
  429: "Too Many Requests",
  500: "Internal Server Error",
  503: "Service Unavailable",
};

/**
 * Milliseconds of a Retry-After header: seconds ("120") or a date (RFC 9110, 10.2.3); undefined where there is none.
 *
 * @param now Milliseconds since 1970.
 */
export function retryAfter(header: string | null, now: number): number | undefined {
  if (header === null) return undefined;
  if (/^\s*\d+\s*$/.test(header)) return Number(header) * 1000;
  const time = Date.parse(header);
  return Number.isNaN(time) ? undefined : Math.max(0, time - now);
}

/** What `fetch` or a body's stream threw, as a {@linkcode DownloadError}. */
export function networkError(error: unknown): DownloadError {
  if (error instanceof DownloadError) return error;
  const message = reasonOf(error);
  if (error instanceof Deno.errors.NotCapable) {
    return new DownloadError(`${message.split(",")[0]}, run with --allow-net`, { cause: error });
  }
  if (/certificate|blocked|Url scheme|Invalid URL/i.test(message)) {
    return new DownloadError(message, { cause: error });
  }
  // Deno says it in many words: "error reading a body from connection", "client error (Connect): tcp connect error …"
  const reason = /reading a body|before message completed|unexpected EOF|reset/.test(message)
    ? "the connection was cut"
    : `the server cannot be reached (${message.replace(/^.*?client error \([^)]*\): /, "")})`;
  return new DownloadError(reason, { retry: true, cause: error });
}

/** What went wrong: fetch itself says "fetch failed" alone, and why in its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.message === "fetch failed" && error.cause instanceof Error
    ? error.cause.message
    : error.message;
}
