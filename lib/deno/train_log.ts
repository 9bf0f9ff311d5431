// This module runs in Deno only.
import type { Reading } from "../train/trainer.ts";
import { writeFileAtomic } from "./write_file.ts";

/** What a log line says beside a step's numbers. */
export interface LogContext {
  /** Passes over the training captions so far. */
  readonly epoch: number;
  /** Captions in a step. */
  readonly batch: number;
  /** Further numbers over the steps since the last line, by name. */
  readonly extra?: Readonly<Record<string, number>>;
}

/**
 * A run's log: readable lines on stderr, and `metrics.jsonl` for machines.
 *
 * Opening it drops the lines behind `step`: steps that a resumed run takes again.
 */
export class TrainLog {
  readonly #path: string;
  readonly #print: (line: string) => void;
  #stepsTimed: number;
  #timedFrom = performance.now();

  private constructor(path: string, step: number, print: (line: string) => void) {
    this.#path = path;
    this.#stepsTimed = step;
    this.#print = print;
  }

  /** @param step Steps that have been taken before. */
  static async open(
    path: string,
    { step, print }: { readonly step: number; readonly print: (line: string) => void },
  ): Promise<TrainLog> {
    let lines: string[] = [];
    if (step > 0) {
      try {
        lines = (await Deno.readTextFile(path)).split("\n").filter((line) => stepOf(line) <= step);
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await writeFileAtomic(path, lines.map((line) => `${line}\n`).join(""));
    return new TrainLog(path, step, print);
  }

  /** Logs the last of some steps, and the time that each took. */
  async steps(readings: readonly Reading[], { epoch, batch, extra }: LogContext): Promise<void> {
    const last = readings.at(-1);
    if (!last) return;
    const ms = (performance.now() - this.#timedFrom) / Math.max(1, last.step - this.#stepsTimed);
    this.restartClock(last.step);
    const { step, loss, crossEntropy, gradNorm, learningRate } = last;
    const imagesPerSecond = 1000 * batch / ms;
    const more = { ...last.extra, ...extra };
    const entry = { step, epoch, loss, crossEntropy, gradNorm, learningRate, ms, imagesPerSecond, ...more };
    await this.#append(entry);
    this.#print(
      `step ${step} | epoch ${epoch.toFixed(2)} | loss ${loss.toFixed(4)} | ` +
        `cross entropy ${crossEntropy.toFixed(4)} nats/word | gradient norm ${gradNorm.toFixed(3)} | ` +
        `learning rate ${learningRate.toExponential(2)} | ${ms.toFixed(0)} ms | ${
          imagesPerSecond.toFixed(0)
        } images/s${listed(last.extra)}`,
    );
  }

  /** Logs a validation's scores on held-out pictures. */
  async scores(step: number, { epoch, scores }: { epoch: number; scores: Readonly<Record<string, number>> }) {
    await this.#append({ split: "val", step, epoch, ...scores });
    this.#print(`step ${step} | validation${listed(scores)}`);
  }

  /** Logs a validation. */
  async validation(step: number, { epoch, crossEntropy }: { epoch: number; crossEntropy: number }) {
    await this.#append({ split: "val", step, epoch, crossEntropy });
    this.#print(`step ${step} | validation | cross entropy ${crossEntropy.toFixed(4)} nats/word`);
  }

  /** Leaves the time since the last call out of the next line: validations and checkpoints are no steps. */
  restartClock(step: number): void {
    this.#stepsTimed = step;
    this.#timedFrom = performance.now();
  }

  async #append(entry: Record<string, unknown>): Promise<void> {
    try {
      await Deno.writeTextFile(this.#path, `${JSON.stringify(entry)}\n`, { append: true });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot write ${this.#path}: ${reason}`, { cause: error });
    }
  }
}

/** Numbers by name as the end of a line. */
function listed(numbers: Readonly<Record<string, number>> = {}): string {
  return Object.entries(numbers).map(([name, value]) => ` | ${name} ${value.toFixed(4)}`).join("");
}

/** The step of a line; Infinity for an empty or half-written one, which is dropped. */
function stepOf(line: string): number {
  try {
    return JSON.parse(line).step;
  } catch (error) {
    if (error instanceof SyntaxError) return Infinity;
    throw error;
  }
}
