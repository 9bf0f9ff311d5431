// This module runs in Deno only.
import { MOST_ROLLBACKS, type Rollback } from "../train/run_state.ts";
import type { Reading } from "../train/trainer.ts";
import { whyUnwritable, writeFileAtomic } from "./write_file.ts";

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

  /**
   * @param resumed How far the run had come that is gone on with: steps, and returns to earlier checkpoints. Default: it
   * is a new one.
   */
  static async open(
    path: string,
    { resumed, print }: {
      readonly resumed?: { readonly step: number; readonly rollbacks: number };
      readonly print: (line: string) => void;
    },
  ): Promise<TrainLog> {
    await writeFileAtomic(path, resumed ? await linesUpTo(path, resumed) : "");
    return new TrainLog(path, resumed?.step ?? 0, print);
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
  async validation(
    step: number,
    { epoch, scores }: { readonly epoch: number; readonly scores: Readonly<Record<string, number>> },
  ): Promise<void> {
    await this.#append({ split: "val", step, epoch, ...scores });
    const { crossEntropy, ...others } = scores;
    const entropy = crossEntropy === undefined ? "" : ` | cross entropy ${crossEntropy.toFixed(4)} nats/word`;
    this.#print(`step ${step} | validation${entropy}${listed(others)}`);
  }

  /** Logs a return to an earlier checkpoint, and drops the lines of the steps that will be taken again. */
  async rollBack({ from, to, learningRateFactor, reason }: Rollback, count: number): Promise<void> {
    const kept = await linesUpTo(this.#path, { step: to, rollbacks: count });
    const entry = { event: "rollback", step: to, from, rollbacks: count, learningRateFactor, reason };
    await writeFileAtomic(this.#path, `${kept}${JSON.stringify(entry)}\n`);
    this.restartClock(to);
    this.#print(
      `warning: the loss has exploded: ${reason}. Going back from step ${from} to step ${to} with half the learning ` +
        `rate (${count} of ${MOST_ROLLBACKS} times)`,
    );
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
      throw new Error(`Cannot write ${this.#path}: ${whyUnwritable(error)}`, { cause: error });
    }
  }
}

/** Numbers by name as the end of a line. */
function listed(numbers: Readonly<Record<string, number>> = {}): string {
  return Object.entries(numbers).map(([name, value]) => ` | ${name} ${value.toFixed(4)}`).join("");
}

/** A log's lines of steps up to this one, and of returns up to this one. */
async function linesUpTo(path: string, most: { readonly step: number; readonly rollbacks: number }) {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
  const kept = text.split("\n").filter((line) => {
    const { step, rollbacks = 0 } = numbersOf(line);
    return step <= most.step && rollbacks <= most.rollbacks;
  });
  return kept.map((line) => `${line}\n`).join("");
}

/** The numbers of a line; a step of Infinity for an empty or half-written one, which is dropped. */
function numbersOf(line: string): { readonly step: number; readonly rollbacks?: number } {
  try {
    return JSON.parse(line);
  } catch (error) {
    if (error instanceof SyntaxError) return { step: Infinity };
    throw error;
  }
}
