// This module is browser compatible.
import { ConvNorm } from "../nn/conv_norm.ts";
import { type Parameters } from "../nn/parameters.ts";
import { concat, maxPool2d } from "../ops/mod.ts";
import type { Tensor } from "../tensor.ts";
import { buildEncoder, type Encoder, type EncoderBlock, type EncoderLayer } from "./encoder.ts";

/** Fire modules by their place in torchvision's list: channels squeezed to, and expanded to by each of both kernels. */
const FIRES = [
  [3, 16, 64],
  [4, 16, 64],
  [5, 32, 128],
  [7, 32, 128],
  [8, 48, 192],
  [9, 48, 192],
  [10, 64, 256],
  [12, 64, 256],
] as const;
/** Places before which the map is pooled. */
const POOLED: readonly number[] = [3, 7, 12];
const CHANNELS = 512;

/** Rows and columns of the last map for pictures of a size. */
function squeezenetSide(size: number): number {
  const pool = (side: number) => Math.ceil((side - 3) / 2) + 1;
  return pool(pool(pool(Math.floor((size - 7) / 2) + 1)));
}

/**
 * SqueezeNet 1.0 (Iandola et al., 2016) without its classifier. It has no batch norm. Names are torchvision's behind
 * "encoder."; a pooling window that reaches beyond the map counts too, as in Caffe, where it comes from.
 *
 * [B, 224, 224, 3] → [B, 13, 13, 512].
 */
export function squeezenetEncoder(
  parameters: Parameters,
  { size, grid }: { readonly size: number; readonly grid?: number },
): Encoder {
  const conv = (name: string, inputs: number, outputs: number, kernel: number, stride = 1) => {
    const padding = stride === 1 ? (kernel - 1) / 2 : 0;
    const options = { inputs, outputs, kernel, stride, padding, activation: "relu" } as const;
    return new ConvNorm(parameters, { conv: name }, options);
  };
  const still = { training: false }; // nothing here is different in training
  const first = conv("encoder.features.0", 3, 96, 7, 2);
  const blocks: EncoderBlock[] = [{
    name: "features.0",
    prefixes: ["encoder.features.0"],
    layers: [(x) => first.apply(x, still)],
  }];
  let inputs = 96;
  for (const [place, squeezed, expanded] of FIRES) {
    const name = `encoder.features.${place}`;
    const squeeze = conv(`${name}.squeeze`, inputs, squeezed, 1);
    const expand1 = conv(`${name}.expand1x1`, squeezed, expanded, 1);
    const expand3 = conv(`${name}.expand3x3`, squeezed, expanded, 3);
    inputs = 2 * expanded;
    const fire = (x: Tensor) => {
      const thin = squeeze.apply(x, still);
      return concat([expand1.apply(thin, still), expand3.apply(thin, still)]);
    };
    const pool: EncoderLayer[] = POOLED.includes(place)
      ? [(x) => maxPool2d(x, { kernel: 3, stride: 2, ceil: true })]
      : [];
    blocks.push({ name: `features.${place}`, prefixes: [name], layers: [...pool, fire] });
  }
  return buildEncoder({ blocks, units: [], channels: CHANNELS, side: squeezenetSide(size), grid });
}
