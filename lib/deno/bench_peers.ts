// This module runs in Deno only.
/** Races with other libraries, in a process that has them: the product's own imports stay free of them. */

import { fileURLToPath } from "node:url";
import type { PeersRequest, RaceReport } from "../bench/races.ts";

/** Where the peers are, and what their process may do: native code, and looking at the machine. */
const FOLDER = fileURLToPath(new URL("../../tests/bench/", import.meta.url));
const PERMISSIONS = [
  "--allow-read",
  "--allow-env",
  "--allow-ffi",
  "--allow-sys",
  "--allow-run=python3,/usr/bin/python3",
];

/** How a line with a report begins, among what peers print. */
export const REPORT = "report ";

/**
 * Races with the peers that this machine can install; says on stderr which cannot take part.
 *
 * @returns The races in order, each when it is over.
 * @throws {Error} If the process cannot be started, or fails.
 */
export async function* racePeers(request: PeersRequest): AsyncGenerator<RaceReport, void> {
  const { reference } = request;
  const found = reference && await Deno.realPath(reference);
  const command = new Deno.Command(ownCommand(), {
    args: [
      "run",
      `--config=${FOLDER}peers.json`,
      ...PERMISSIONS,
      `${FOLDER}peers.ts`,
      JSON.stringify({ ...request, reference: found }),
    ],
    stdout: "piped",
    stderr: "inherit",
  });
  const process = start(command);
  let text = "";
  for await (const chunk of process.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (text + chunk).split("\n");
    text = lines.pop()!;
    for (const line of lines) if (line.startsWith(REPORT)) yield JSON.parse(line.slice(REPORT.length));
  }
  const { success, code } = await process.status;
  if (!success) {
    throw new Error(`Cannot race with the peers: their process ended with code ${code}, see above`);
  }
}

function start(command: Deno.Command): Deno.ChildProcess {
  try {
    return command.spawn();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot start the process of the peers: there is no `deno` on the PATH, put it there");
  }
}

/** This very program where the task may run it, else the one on the PATH. */
function ownCommand(): string {
  const path = Deno.execPath();
  return Deno.permissions.querySync({ name: "run", command: path }).state === "granted" ? path : "deno";
}
