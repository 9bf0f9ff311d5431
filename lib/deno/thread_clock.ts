// This module runs in Deno only.
import process from "node:process";

/**
 * Milliseconds that this thread has computed, waiting and the time of others excluded. The system counts in steps of
 * up to 10 ms: only sums over many measurements say something.
 */
export function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
