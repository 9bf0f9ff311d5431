// This module is browser compatible.
import { copyKernel } from "../../kernels/elementwise.ts";
import type { Backend, Storage } from "../backend/backend.ts";
import { hostNumbers } from "../backend/cpu_memory.ts";
import { type JointStatistics, withJointStatistics } from "../ops/joint_statistics.ts";
import type { Communicator } from "./communicator.ts";
import type { StepSum } from "./passes.ts";

/** Numbers at the end of a message: how many want to stop, and to save. */
const WISHES = 2;

/** Options of a {@linkcode Team}. */
export interface TeamOptions {
  /** Share the statistics of batch norms: a step then sees what one process with the whole batch would. Default false. */
  readonly syncBatchNorm?: boolean;
}

/**
 * Processes that take each step together: each goes through its rows of the batch, then their gradients are added up.
 *
 * Since all hold the same sums, all clip by the same norm and take the same step; nothing else is exchanged.
 */
export class Team {
  readonly group: Communicator;
  readonly syncBatchNorm: boolean;
  /** Set it to ask all to stop: whether one has is told with the next step's gradients. */
  wantsStop = false;
  /** Set it to have all take the next step for one worth saving: told like `wantsStop`. */
  wantsSave = false;
  readonly #backend: Backend;
  /** All gradients, the loss, the cross entropy, and how many want to stop and to save: one message. */
  #message: Storage | undefined;
  #stopping = false;
  #saving = false;

  /** @throws {TypeError} If batch norms should share statistics that are on a GPU. */
  constructor(group: Communicator, backend: Backend, { syncBatchNorm = false }: TeamOptions = {}) {
    this.group = group;
    this.syncBatchNorm = syncBatchNorm;
    this.#backend = backend;
    if (syncBatchNorm && backend.name !== "cpu") {
      throw new TypeError(
        `Cannot share batch norm's statistics on ${backend.description}: the processes exchange them between two ` +
          "kernels, for which a GPU would have to stop, use --device cpu or leave out --sync-bn",
      );
    }
  }

  /** Whether one of the processes wanted to stop when the last step was taken: all then stop behind it. */
  get stopping(): boolean {
    return this.#stopping;
  }

  /** Whether one of them wanted to save behind the last step. */
  get saving(): boolean {
    return this.#saving;
  }

  /** Bytes that a process puts into a step's sum; 0 before the first step. */
  get messageBytes(): number {
    return 4 * (this.#message?.length ?? 0);
  }

  /** Runs `fn`, in which batch norms may share statistics. `counts`: whether this process' pictures do. */
  together<T>(counts: boolean, fn: () => T): T {
    if (!this.syncBatchNorm) return fn();
    const joint: JointStatistics = { sum: (data) => this.group.sum(data), counts };
    return withJointStatistics(joint, fn);
  }

  /** Adds up loss and gradients over all processes, in place. Waits where they are on a GPU. */
  sum(step: StepSum): void | Promise<void> {
    const backend = this.#backend;
    const parts = [...step.grads, step.loss, step.crossEntropy].map(({ storage }) => storage);
    const length = parts.reduce((sum, part) => sum + part.length, WISHES);
    const message = this.#roomFor(length);
    this.#copy(parts, (part, offset) => ({ x: part, y: message, x_offset: 0, y_offset: offset }));
    backend.write(message, [Number(this.wantsStop), Number(this.wantsSave)], length - WISHES);
    const finish = (numbers: Float32Array) => {
      this.group.sum(numbers);
      [this.#stopping, this.#saving] = Array.from(numbers.subarray(length - WISHES), (count) => count > 0);
    };
    const unpack = () =>
      this.#copy(parts, (part, offset) => ({ x: message, y: part, x_offset: offset, y_offset: 0 }));
    const here = hostNumbers(message);
    if (here) {
      finish(here as Float32Array); // an f64 backend is for gradient checks
      return unpack();
    }
    return backend.read(message).then((numbers) => {
      finish(numbers as Float32Array);
      backend.write(message, numbers);
      unpack();
    });
  }

  /** What is trained may change between steps, and with it the message's length. */
  #roomFor(length: number): Storage {
    if (this.#message?.length !== length) {
      this.dispose();
      this.#message = this.#backend.alloc(length);
    }
    return this.#message!;
  }

  #copy(
    parts: readonly Storage[],
    ends: (part: Storage, offset: number) => {
      readonly x: Storage;
      readonly y: Storage;
      readonly x_offset: number;
      readonly y_offset: number;
    },
  ): void {
    let offset = 0;
    for (const part of parts) {
      const { x, y, ...offsets } = ends(part, offset);
      this.#backend.run(copyKernel, { x, y }, { count: part.length, ...offsets });
      offset += part.length;
    }
  }

  /** Gives the message's memory back. */
  dispose(): void {
    if (this.#message) this.#backend.free(this.#message);
    this.#message = undefined;
  }
}
