// This module is browser compatible.
import { batchNormLayer, convWeight } from "../nn/layers.ts";
import type { Parameters } from "../nn/parameters.ts";
import { batchNorm, conv2d, maxPool2d, reshape } from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";
import type { Encoder, EncoderOptions } from "./encoder.ts";

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
 * @throws {RangeError} If the size is not divisible by 8.
 */
export function tinyEncoder(
  parameters: Parameters,
  size: number,
  channels: readonly number[] = TINY_CHANNELS,
): Encoder {
  if (size % REDUCTION !== 0 || channels.length !== 4) {
    throw new RangeError(
      `Cannot make the tiny encoder for pictures of ${size}: the size must be divisible by ${REDUCTION} ` +
        `and there must be 4 channel counts, got ${channels.length}`,
    );
  }
  const blocks = channels.map((outputs, i) => {
    const name = `encoder.block${i + 1}`;
    return {
      weight: convWeight(parameters, `${name}.conv`, { inputs: i ? channels[i - 1] : 3, outputs, kernel: 3 }),
      norm: batchNormLayer(parameters, `${name}.bn`, outputs),
      stride: i < 2 ? 2 : 1,
      pool: i === 2,
    };
  });
  return {
    channels: channels[3],
    positions: (size / REDUCTION) ** 2,
    blocks: blocks.map((_, i) => ({ name: `block${i + 1}`, prefixes: [`encoder.block${i + 1}`] })),
    encode(images: Tensor, { training, frozen = 0 }: EncoderOptions): Tensor {
      let x = images;
      blocks.forEach(({ weight, norm, stride, pool }, i) => {
        const options = { training: training && i >= frozen, relu: true };
        x = batchNorm(conv2d(x, weight, { stride, padding: 1 }), norm, options);
        if (pool) x = maxPool2d(x, { kernel: 2, stride: 2 });
      });
      const [B, h, w, D] = x.shape;
      return reshape(x, [B, h * w, D]);
    },
  };
}
