// This module runs in Deno only.
/** Races with other libraries, in a process that has them: the product's own imports stay free of them. */

import type { PeersRequest, RaceReport } from "../bench/races.ts";

/** Where the peers are, and what their process may do: native code, and looking at the machine. */
const FOLDER = new URL("../../tests/bench/", import.meta.url).pathname;
const PERMISSIONS = [
  "--allow-read",
  "--allow-env",
  "--allow-ffi",
  "--allow-sys",
  "--allow-run=python3,/usr/bin/python3",
];

/**
 * Runs races with the peers that this machine can install; says on stderr which cannot take part.
 *
 * @throws {Error} If the process cannot be started, or fails.
 */
export async function racePeers(request: PeersRequest): Promise<RaceReport[]> {
  const { reference } = request;
  const found = reference && await Deno.realPath(reference);
  const command = new Deno.Command(ownCommand(), {
    args: [
      "run",
      "--config",
      `${FOLDER}deno.json`,
      ...PERMISSIONS,
      `${FOLDER}peers.ts`,
      JSON.stringify({ ...request, reference: found }),
    ],
    stdout: "piped",
    stderr: "inherit",
  });
  let output: Deno.CommandOutput;
  try {
    output = await command.output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("Cannot start the process of the peers: there is no `deno` on the PATH, put it there");
  }
  if (!output.success) {
    throw new Error(`Cannot race with the peers: their process ended with code ${output.code}, see above`);
  }
  const lines = new TextDecoder().decode(output.stdout).trim().split("\n"); // peers may print before the last line
  return JSON.parse(lines.at(-1)!) as RaceReport[];
}

/** This very program where the task may run it, else the one on the PATH. */
function ownCommand(): string {
  const path = Deno.execPath();
  return Deno.permissions.querySync({ name: "run", command: path }).state === "granted" ? path : "deno";
}
