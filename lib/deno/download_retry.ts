// This module runs in Deno only.
/** How downloads wait: between tries, and when a server asks to. */

/** How patient a download is, and who hears of it. */
export interface RetryOptions {
  /** Tries without progress before it is given up. Default 5. */
  readonly attempts?: number;
  /** Milliseconds before the second try; doubled for each further one, up to 30 s. Default 500. */
  readonly backoffMs?: number;
  /** Milliseconds without a single byte after which a connection counts as dead. Default 30,000. */
  readonly stallMs?: number;
  /** Longest wait a server may ask for by Retry-After, in milliseconds. Default 120,000. */
  readonly maxRetryAfterMs?: number;
  /** Shared by the downloads from one host: a server that asks one of them to wait makes all of them wait. */
  readonly pause?: Pause;
  /** Ends the download. */
  readonly signal?: AbortSignal;
  /** Called with the number of bytes of each piece that comes over the network, those of failed tries included. */
  readonly onReceived?: (bytes: number) => void;
}

/** Until when nobody may ask a host for anything. */
export class Pause {
  #until = 0;

  /** Nobody asks before `milliseconds` have passed. */
  extend(milliseconds: number): void {
    this.#until = Math.max(this.#until, performance.now() + milliseconds);
  }

  /** Milliseconds to wait now, 0 for none. */
  get remainingMs(): number {
    return Math.max(0, this.#until - performance.now());
  }
}

/** Milliseconds before try number `attempt` (2 for the second): doubling, and spread so that many do not return at once. */
export function backoff(attempt: number, backoffMs: number): number {
  const longest = Math.min(30_000, backoffMs * 2 ** (attempt - 2));
  return longest * (0.5 + Math.random() / 2);
}

/** Waits, or throws the signal's reason as soon as it is aborted. */
export function wait(milliseconds: number, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  if (milliseconds <= 0) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal!.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    signal?.addEventListener("abort", stop, { once: true });
  });
}
