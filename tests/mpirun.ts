// This module runs in Deno only.
/** Open MPI on this machine, and two network namespaces that play two machines. */

import config from "../deno.json" with { type: "json" };
import { IN_CI } from "./fixtures.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/** Whether tests that need Open MPI are to be ignored. In CI they never are. */
export const lacksMpi = !IN_CI && !await runs("mpirun.openmpi", "--version");

/** Whether tests that need network namespaces are to be ignored: they take root. In CI they never are. */
export const lacksNamespaces = lacksMpi || (!IN_CI && !await runs("ip", "netns", "list")) ||
  (!IN_CI && Deno.uid() !== 0);

async function runs(command: string, ...args: string[]): Promise<boolean> {
  try {
    return (await new Deno.Command(command, { args, stdout: "null", stderr: "null" }).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Words behind `mpirun`: so many processes, of any user, whatever the number of cores. */
export const RANKS = (count: number) => ["-np", `${count}`, "--oversubscribe", "--bind-to", "none"];

/** The words of a task: what mpirun starts. */
export function taskCommand(name: "train" | "self-critical", ...args: string[]): string[] {
  const [, ...words] = config.tasks[name].split(" ");
  return [Deno.execPath(), ...words, ...args];
}

/** A job under mpirun. */
export class Job {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<string>;
  #text = "";
  #waiting: { readonly pattern: RegExp; readonly found: () => void }[] = [];

  /**
   * Starts mpirun.
   *
   * @param words Its words: options, then the command.
   * @param inside Words before it: a command that runs it elsewhere.
   */
  constructor(words: readonly string[], inside: readonly string[] = []) {
    const [command, ...args] = [...inside, "mpirun.openmpi", ...words];
    const root = { OMPI_ALLOW_RUN_AS_ROOT: "1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM: "1" };
    const env = { ...root, NO_COLOR: "1", XDG_RUNTIME_DIR: "/tmp" };
    this.#child = new Deno.Command(command, { args, env, cwd: ROOT, stdout: "piped", stderr: "piped" })
      .spawn();
    this.#output = Promise.all([this.#follow(this.#child.stdout), this.#follow(this.#child.stderr)])
      .then(() => this.#text);
  }

  async #follow(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const text of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += text;
      this.#waiting = this.#waiting.filter(({ pattern, found }) => {
        if (!pattern.test(this.#text)) return true;
        found();
        return false;
      });
    }
  }

  /** Waits until its output matches. */
  async says(pattern: RegExp): Promise<void> {
    if (pattern.test(this.#text)) return;
    const said = new Promise<void>((found) => this.#waiting.push({ pattern, found }));
    const ended = this.#output.then((text) => {
      if (!pattern.test(text)) throw new Error(`Cannot find ${pattern} in what mpirun printed: ${text}`);
    });
    await Promise.race([said, ended]);
  }

  /** Sends mpirun a signal. */
  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end; kills it after a minute and a half. */
  async end(): Promise<{ readonly code: number; readonly output: string }> {
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 90_000);
    const [{ code }, output] = await Promise.all([this.#child.status, this.#output]);
    clearTimeout(timer);
    return { code, output };
  }
}

/** Two network namespaces with a cable between them; dispose of them at the end. */
export class TwoMachines implements AsyncDisposable {
  readonly #names: readonly string[];
  /** Words for mpirun: one process on each, over TCP. */
  readonly words: readonly string[];

  private constructor(names: readonly string[], agent: string) {
    this.#names = names;
    const network = "10.77.0.0/24";
    this.words = ["--host", "10.77.0.1,10.77.0.2", "--bind-to", "none", "--mca", "plm_rsh_agent", agent]
      .concat("--mca", "btl", "tcp,self", "--mca", "btl_tcp_if_include", network)
      .concat("--mca", "oob_tcp_if_include", network, "-np", "2");
  }

  /** @param dir Where the script lies that plays ssh. */
  static async make(dir: string): Promise<TwoMachines> {
    const id = Deno.pid.toString(36);
    const names = [`sta${id}`, `stb${id}`];
    const agent = `${dir}/agent.sh`;
    // mpirun calls it as `agent HOST COMMAND…`; the machine behind has a name of its own.
    const inside = `echo ${names[1]} > /proc/sys/kernel/hostname; exec`;
    await Deno.writeTextFile(
      agent,
      `#!/bin/sh\nshift\nexec ip netns exec ${names[1]} unshare --uts sh -c "${inside} $*"\n`,
    );
    await Deno.chmod(agent, 0o755);
    for (const name of names) await ip("netns", "add", name);
    const cables = names.map((name) => `v${name}`);
    await ip("link", "add", cables[0], "type", "veth", "peer", "name", cables[1]);
    for (const [i, name] of names.entries()) {
      await ip("link", "set", cables[i], "netns", name);
      await ip("-n", name, "addr", "add", `10.77.0.${i + 1}/24`, "dev", cables[i]);
      for (const device of [cables[i], "lo"]) await ip("-n", name, "link", "set", device, "up");
    }
    return new TwoMachines(names, agent);
  }

  /** The name that the second has for itself. */
  get second(): string {
    return this.#names[1];
  }

  /** Starts mpirun on the first. */
  start(...words: string[]): Job {
    return new Job([...this.words, ...words], ["ip", "netns", "exec", this.#names[0]]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#names) await ip("netns", "del", name);
  }
}

async function ip(...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command("ip", { args, stderr: "piped" }).output();
  if (!success) throw new Error(`Cannot run ip ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}
