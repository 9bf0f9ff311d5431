// This module is browser compatible.
import { ConvNorm } from "../nn/conv_norm.ts";
import type { Parameters } from "../nn/parameters.ts";
import { maxPool2d } from "../ops/mod.ts";
import { buildEncoder, type Encoder, type EncoderBlock, type EncoderLayer } from "./encoder.ts";

/** Output channels of the four blocks. */
export const TINY_CHANNELS = [32, 64, 128, 256] as const;

/** Pixels of the image along one side of one position. */
const REDUCTION = 8;

/**
 * A small CNN: four blocks of 3×3 convolution, batch norm and ReLU.
 *
 * [B, 64, 64, 3] → [B, 32, 32, 32] → [B, 16, 16, 64] → pooled [B, 8, 8, 128] → [B, 8, 8, 256], read as 64 positions
 * (row · 8 + column). Other sizes divisible by 8 give other grids.
 *
 * @param options `size` of the pictures is a multiple of 8; `channels` default to {@linkcode TINY_CHANNELS}.
 * @throws {RangeError} If there are not four channel counts.
 */
export function tinyEncoder(
  parameters: Parameters,
  { size, channels = TINY_CHANNELS, grid }: {
    readonly size: number;
    readonly channels?: readonly number[];
    readonly grid?: number;
  },
): Encoder {
  if (channels.length !== 4) {
    throw new RangeError(
      `Cannot make the tiny encoder: there must be 4 channel counts, got ${channels.length}`,
    );
  }
  const units: ConvNorm[] = [];
  const blocks = channels.map((outputs, i): EncoderBlock => {
    const name = `block${i + 1}`;
    const prefix = `encoder.${name}`;
    const unit = new ConvNorm(parameters, { conv: `${prefix}.conv`, norm: `${prefix}.bn` }, {
      ...{ inputs: i ? channels[i - 1] : 3, outputs, kernel: 3, stride: i < 2 ? 2 : 1, activation: "relu" },
    });
    units.push(unit);
    const pool: EncoderLayer[] = i === 2 ? [(x) => maxPool2d(x, { kernel: 2 })] : [];
    return { name, prefixes: [prefix], layers: [(x, options) => unit.apply(x, options), ...pool] };
  });
  return buildEncoder({ blocks, units, channels: channels[3], side: size / REDUCTION, grid });
}
