// This module runs in Deno only.
/** How a script starts and ends. */

import { HelpRequest, UsageError } from "./cli.ts";

/** Ends this process and those that wait for it. */
let abortAll: ((reason: string) => never) | undefined;

/** Has {@linkcode runScript} end several processes where one fails. */
export function failTogether(abort: (reason: string) => never): void {
  abortAll = abort;
}

/**
 * Runs a script's `main` and turns what it throws into a message and an exit code: 0 done, 1 failed, 2 wrong
 * usage. Stacks are shown when `SHOWTELL_DEBUG=1` is set and readable (`--allow-env=SHOWTELL_DEBUG`).
 *
 * @param main Returns the exit code, or nothing for 0.
 */
export async function runScript(main: () => Promise<number | void> | number | void): Promise<void> {
  try {
    Deno.exitCode = await main() ?? 0;
  } catch (error) {
    if (error instanceof HelpRequest) {
      console.log(error.message);
      return;
    }
    abortAll?.(describeError(error));
    console.error(describeError(error));
    // Not exitCode: a script that failed half-way may have left Workers or timers that would keep it alive.
    Deno.exit(error instanceof UsageError ? 2 : 1);
  }
}

/** A person ended the script; {@linkcode runScript} prints the message, which says how to go on, and exits with code 1. */
export class Interrupted extends Error {
  override name = "Interrupted";
}

/** An error for people: its message; with the kind where the message is not one of ours; with the stack on demand. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (debugging()) return error.stack ?? error.message;
  const ours = /^Cannot .+?: /.test(error.message); // the engine's own "Cannot read properties of null" has no colon
  if (ours || error instanceof Interrupted) return error.message;
  return `${error.name}: ${error.message} (SHOWTELL_DEBUG=1 with --allow-env=SHOWTELL_DEBUG shows where)`;
}

function debugging(): boolean {
  const permission = Deno.permissions.querySync({ name: "env", variable: "SHOWTELL_DEBUG" });
  return permission.state === "granted" && Deno.env.get("SHOWTELL_DEBUG") === "1";
}
