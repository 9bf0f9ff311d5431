// This module is browser compatible.
/** The tape: every op ends with a call of {@linkcode record}. */

import { scopeWithoutTape, type Synchronous } from "./scope.ts";
import type { Tensor } from "./tensor.ts";

/**
 * The gradient of an op.
 *
 * @param dOutputs One per output; undefined where the loss does not depend on that output.
 * @param needed Whether each input wants a gradient: images, ids and frozen weights do not.
 * @returns One gradient per input, in order; undefined where none is needed.
 */
export type Backward = (
  dOutputs: readonly (Tensor | undefined)[],
  needed: readonly boolean[],
) => readonly (Tensor | undefined)[];

/** One op on the tape. */
export interface TapeEntry {
  readonly outputs: readonly Tensor[];
  readonly inputs: readonly Tensor[];
  readonly backward: Backward;
  /** Tensors made since the entry before: nothing needs them once this entry's backward has run. */
  readonly made: readonly Tensor[];
}

/** A tape while it records. */
export interface Recording {
  readonly tape: TapeEntry[];
  /** Tensors that the gradient flows to. */
  readonly tracked: Set<Tensor>;
  /** Tensors made since the last entry. */
  readonly made: Set<Tensor>;
}

let recording: Recording | undefined;

/** Runs `fn` with a tape. */
export function withTape<T>(tape: Recording | undefined, fn: () => T): T {
  const outer = recording;
  recording = tape;
  try {
    return fn();
  } finally {
    recording = outer;
  }
}

/**
 * Runs `fn` without the tape that may record around it: what it returns is a constant to the gradient, and what else it
 * makes is freed at its end, not kept for the walk back.
 */
export function withoutTape<T>(fn: () => Synchronous<T>): T {
  return withTape(undefined, () => scopeWithoutTape(fn));
}

/** Whether a tape records: an op may then keep what its gradient needs. */
export function isRecording(): boolean {
  return recording !== undefined;
}

/**
 * Notes how to take the gradient of an op that has just run, if anybody wants it.
 *
 * @param outputs What the op made; given one tensor, returns that one.
 * @param inputs What it read. Only these can receive gradients.
 * @param backward The op's gradient. Its closure is the saved context. It may return its `dOutputs` unchanged,
 * must not change them, and must not dispose of them.
 */
export function record<T extends Tensor | readonly Tensor[]>(
  outputs: T,
  inputs: readonly Tensor[],
  backward: Backward,
): T {
  if (!recording) return outputs;
  const { tape, tracked, made } = recording;
  if (inputs.some((input) => tracked.has(input))) {
    const list = (Array.isArray(outputs) ? outputs : [outputs]) as readonly Tensor[];
    tape.push({ outputs: list, inputs, backward, made: [...made] });
    made.clear();
    for (const output of list) tracked.add(output);
  }
  return outputs;
}
