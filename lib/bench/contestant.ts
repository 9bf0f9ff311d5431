// This module is browser compatible.
/** Who takes part in a race: ours on some device, or a peer. */

import type { CaptionWork } from "./caption_work.ts";
import type { DecoderStepWork } from "./decoder_step.ts";
import type { StepWork } from "./step_work.ts";
import type { KernelWork } from "./work.ts";

/** Anything whose speed is measured. */
export type Work = KernelWork | StepWork | DecoderStepWork | CaptionWork;

/** Whether a work is one kernel's, with numbers of its own to compare. */
export function isKernelWork(work: Work): work is KernelWork {
  return work.kind === "matmul" || work.kind === "conv2d" || work.kind === "elementwise";
}

/** A work made ready by a contestant. */
export interface Runner {
  /**
   * Does the work so many times, and waits until every one of them is done.
   *
   * @returns Milliseconds for all, where the contestant measures itself (another process); else the caller's clock
   * counts.
   */
  run(times: number): Promise<number | void>;
  /** How often `run` should do it at once, where that is not the caller's choice. */
  readonly fixedTimes?: number;
  /** Looks at the latest result. Returns what is wrong with it, or nothing. */
  check(): Promise<string | undefined>;
  dispose(): void;
}

/** Whose figures these are. */
export interface Who {
  /** Name of the peer; nothing for ours. */
  readonly peer?: string;
  /** "cuda": a peer's, beside ours on the GPU. */
  readonly device: "cpu" | "webgpu" | "cuda";
  /** Threads that compute, on the CPU. */
  readonly threads?: number;
  /** Whether ours uses the system's BLAS. Default false. */
  readonly blas?: boolean;
  /** What ours stores maps, features and a captioner's weights in, where it is not f32. */
  readonly precision?: "f16";
}

/** Somebody who does works. */
export interface Contestant extends Who {
  /**
   * Makes a work ready.
   *
   * @param seed Makes its numbers differ from everybody else's, so that no stale result can pass.
   * @returns Nothing where the contestant has no means to do this work.
   */
  prepare(work: Work, seed: number): Promise<Runner | undefined>;
  close(): void | Promise<void>;
}

/** For people: "cpu, 2 threads", "cpu + BLAS, 1 thread", "webgpu + f16", "tfjs (webgpu)". */
export function titleOf({ peer, device, threads, blas, precision }: Who): string {
  const where = blas ? `${device} + BLAS` : precision ? `${device} + ${precision}` : device;
  const place = threads === undefined
    ? where
    : `${where}, ${threads} ${threads === 1 ? "thread" : "threads"}`;
  return peer ? `${peer} (${place})` : place;
}
