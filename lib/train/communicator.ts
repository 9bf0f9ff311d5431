// This module is browser compatible.

/** Processes that train one model together, seen from one of them. All must make the same calls in the same order. */
export interface Communicator {
  /** This process, from 0. */
  readonly rank: number;
  /** Processes. */
  readonly size: number;
  /** Those on this machine, and this one among them. */
  readonly local: { readonly rank: number; readonly size: number };
  /** For people: what connects them, and where this one runs. */
  readonly description: string;
  /** Adds up the numbers of all processes, in place: afterwards all hold the sums. */
  sum(data: Float32Array | Float64Array): void;
  /** Copies what process 0 holds to all, in place. */
  broadcast(data: Uint8Array): void;
  /** Ends all processes, with this one's rank, machine and reason on stderr. */
  abort(reason: string): never;
  /** Says goodbye: the last call. */
  close(): void;
}

/** One process by itself. */
export const ALONE: Communicator = {
  rank: 0,
  size: 1,
  local: { rank: 0, size: 1 },
  description: "one process",
  sum() {},
  broadcast() {},
  abort(reason) {
    throw new Error(reason);
  },
  close() {},
};

/**
 * What process 0 says, as JSON, to all: a decision, a score, a hash.
 *
 * @param value What process 0 says; that of others is not looked at.
 */
export function agree<T>(group: Communicator, value: T): T {
  if (group.size === 1) return value;
  const bytes = new TextEncoder().encode(JSON.stringify(value) ?? "null");
  const length = new Float64Array([group.rank === 0 ? bytes.length : 0]);
  group.sum(length);
  const said = group.rank === 0 ? bytes : new Uint8Array(length[0]);
  group.broadcast(said);
  return JSON.parse(new TextDecoder().decode(said));
}
