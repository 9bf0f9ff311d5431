// This module is browser compatible.
/** Which parameters are trained, from which step on, and how fast. */

import type { CaptionModel } from "../models/caption_model.ts";
import { type EncoderBlock, isInBlock } from "../models/encoder.ts";
import type { Parameter } from "../nn/parameters.ts";

/** How an encoder is trained beside its decoder. */
export interface EncoderTraining {
  /**
   * "all", "none" (frozen), the name of a block ("layer2": this one and all behind it), or how many of the last
   * blocks. Default "all".
   */
  readonly fineTune?: string;
  /** Steps during which all of it is frozen. Default 0. */
  readonly fineTuneFrom?: number;
  /** Its highest learning rate; it follows the decoder's schedule. Default: the decoder's. */
  readonly encoderLearningRate?: number;
}

/** Parameters that begin together and share a learning rate. */
export interface ParameterGroup {
  readonly parameters: readonly Parameter[];
  /** The first step that trains them, from 0. */
  readonly from: number;
  /** Their learning rate as a multiple of the schedule's. */
  readonly rate: number;
}

/** The plan of a run: its groups, and what is frozen when. */
export interface TrainingGroups {
  /** Decoder first, then the encoder's trained blocks, where there are some. */
  readonly groups: readonly ParameterGroup[];
  /** How many of the encoder's blocks, from the input on, are frozen at a step. */
  frozenBlocks(step: number): number;
}

/**
 * Divides a model's trained parameters.
 *
 * A frozen block is not handed to the optimiser, nothing is recorded for it, and its batch norm uses the running
 * statistics.
 *
 * @throws {RangeError} If the encoder has no such block.
 */
export function trainingGroups(
  model: CaptionModel,
  learningRate: number,
  { fineTune = "all", fineTuneFrom = 0, encoderLearningRate = learningRate }: EncoderTraining,
): TrainingGroups {
  const { blocks } = model.encoder;
  const first = firstTrained(blocks, fineTune);
  const trained = model.parameters.trained;
  const encoder = trained.filter(({ name }) => blocks.slice(first).some((block) => isInBlock(name, block)));
  const decoder = trained.filter(({ name }) => !blocks.some((block) => isInBlock(name, block)));
  const groups: ParameterGroup[] = [{ parameters: decoder, from: 0, rate: 1 }];
  const rate = encoderLearningRate / learningRate;
  if (encoder.length > 0) groups.push({ parameters: encoder, from: fineTuneFrom, rate });
  return { groups, frozenBlocks: (step) => step < fineTuneFrom ? blocks.length : first };
}

/** Whether none of the encoder is ever trained: "none", or 0 of its blocks. */
export function isFrozen(fineTune: string | undefined): boolean {
  return fineTune !== undefined && /^(none|0+)$/.test(fineTune);
}

/** Index of the first block that is trained; as many as there are for none. */
function firstTrained(blocks: readonly EncoderBlock[], fineTune: string): number {
  if (fineTune === "all") return 0;
  if (isFrozen(fineTune)) return blocks.length;
  if (/^\d+$/.test(fineTune) && Number(fineTune) <= blocks.length) return blocks.length - Number(fineTune);
  const index = blocks.findIndex(({ name }) => name === fineTune);
  if (index >= 0) return index;
  const names = blocks.map(({ name }) => name).join(", ");
  throw new RangeError(
    `Cannot fine-tune from "${fineTune}": the encoder's blocks are ${names}; name one (it and all behind it are ` +
      `trained), or say how many of the last, "all" or "none"`,
  );
}
