// This module is browser compatible.
/** WebGPU reports errors later and elsewhere: here they are gathered until a read can throw them. */

import type { Program } from "../../kernels/kernel.ts";

/** The file that a program's WGSL comes from, by the rule of `kernels/README.md`. */
export function sourceFile(program: Program): string {
  return `kernels/${program.name.split(":")[0]}.wgsl`;
}

/** Errors of one device, in the order of their arrival. */
export class ErrorLog {
  #compilation: string[] = [];
  #validation: string[] = [];
  #pending = new Set<Promise<void>>();

  /** Notes an error that belongs to no program, as `uncapturederror` brings it. */
  add(message: string): void {
    this.#validation.push(message.trim());
  }

  /**
   * Watches the submission of work that ran the named programs.
   *
   * @param scope What `popErrorScope` promised.
   * @param onFailure Called where none of the work ran.
   */
  watchSubmission(scope: Promise<GPUError | null>, programs: readonly string[], onFailure: () => void): void {
    this.#watch(scope.then((error) => {
      if (!error) return;
      onFailure();
      this.add(`${error.message.trim()} (among the dispatches of ${programs.join(", ")})`);
    }));
  }

  /**
   * Watches the compilation of one program.
   *
   * @param module Asked for the compiler's messages.
   * @param scope What `popErrorScope` promised for the creation of module and pipeline.
   * @param onFailure Told the message, once known.
   */
  watch(
    program: Program,
    module: GPUShaderModule,
    scope: Promise<GPUError | null>,
    onFailure: (message: string) => void,
  ): void {
    this.#watch((async () => {
      const [info, error] = await Promise.all([module.getCompilationInfo(), scope]);
      const file = sourceFile(program);
      const lines = info.messages.filter((message) => message.type === "error").map((message) =>
        `${file}:${message.lineNum}:${message.linePos} ${message.message.trim()}`
      );
      if (lines.length === 0 && error) lines.push(`${file} ${error.message.trim()}`);
      if (lines.length === 0) return;
      const text = `Cannot compile kernel "${program.name}": ${lines.join("\n")}`;
      onFailure(text);
      this.#compilation.push(text);
    })());
  }

  #watch(work: Promise<void>): void {
    const watched = work.catch((error) => this.add(String(error))).finally(() =>
      this.#pending.delete(watched)
    );
    this.#pending.add(watched);
  }

  /** Waits for what is being watched, then throws what was gathered since the last time. */
  async throwGathered(): Promise<void> {
    await Promise.all(this.#pending);
    const compilation = this.#compilation.splice(0);
    const validation = this.#validation.splice(0);
    // A program that did not compile makes everything recorded with it invalid: the cause is enough.
    if (compilation.length > 0) throw new Error(compilation.join("\n"));
    if (validation.length === 0) return;
    const more = validation.length > 1 ? `\n(and ${validation.length - 1} more)` : "";
    throw new Error(`Cannot trust what the GPU computed: it reported "${validation[0]}"${more}`);
  }
}
