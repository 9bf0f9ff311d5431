// This module is browser compatible.
import { ConvNorm, type ConvNormOptions } from "../nn/conv_norm.ts";
import { type Parameters, uniform } from "../nn/parameters.ts";
import { add, maxPool2d, relu } from "../ops/mod.ts";
import { buildEncoder, type Encoder, type EncoderBlock, type EncoderLayer } from "./encoder.ts";

/** Pixels of the image along one side of one position. */
const REDUCTION = 32;
/** Channels inside the residual blocks of the four layers. */
const WIDTHS = [64, 128, 256, 512] as const;

/** Residual blocks of each layer, and whether they are bottlenecks: 1×1, 3×3, 1×1 to four times the width. */
const RESNETS = {
  resnet18: { depths: [2, 2, 2, 2], bottleneck: false },
  resnet34: { depths: [3, 4, 6, 3], bottleneck: false },
  resnet50: { depths: [3, 4, 6, 3], bottleneck: true },
  resnet101: { depths: [3, 4, 23, 3], bottleneck: true },
  resnet152: { depths: [3, 8, 36, 3], bottleneck: true },
} as const;

/** Name of a ResNet. */
export type ResnetName = keyof typeof RESNETS;

/**
 * A deep residual network (He et al., 2016) without its classifier, as torchvision has it: a bottleneck's stride is
 * that of its 3×3 convolution. Names are torchvision's behind "encoder.".
 *
 * [B, 224, 224, 3] → stem [B, 56, 56, 64] → layer1 … layer4 [B, 7, 7, 512 or 2048].
 *
 * @param size Width and height of the pictures, a multiple of 32.
 */
export function resnetEncoder(
  parameters: Parameters,
  { name, size, grid }: { readonly name: ResnetName; readonly size: number; readonly grid?: number },
): Encoder {
  const { depths, bottleneck } = RESNETS[name];
  const units: ConvNorm[] = [];
  const unit = (conv: string, norm: string, options: ConvNormOptions) => {
    const { outputs, kernel } = options;
    // Variance 2 / fan out (He et al., 2015), uniform rather than normal: four times as quick to draw.
    const start = uniform(Math.sqrt(6 / (outputs * kernel * kernel)));
    const made = new ConvNorm(parameters, { conv, norm }, { ...options, start });
    units.push(made);
    return made;
  };

  const stem = unit("encoder.conv1", "encoder.bn1", {
    ...{ inputs: 3, outputs: 64, kernel: 7, stride: 2, activation: "relu" },
  });
  const blocks: EncoderBlock[] = [{
    name: "stem",
    prefixes: ["encoder.conv1", "encoder.bn1"],
    layers: [
      (x, { training }) => stem.apply(x, { training }),
      (x) => maxPool2d(x, { kernel: 3, stride: 2, padding: 1 }),
    ],
  }];

  let inputs = 64;
  depths.forEach((depth, i) => {
    const prefix = `encoder.layer${i + 1}`;
    const layers = Array.from({ length: depth }, (_, block): EncoderLayer => {
      const sizes = { inputs, width: WIDTHS[i], stride: block === 0 && i > 0 ? 2 : 1 };
      inputs = bottleneck ? 4 * WIDTHS[i] : WIDTHS[i];
      return residual(unit, `${prefix}.${block}`, { ...sizes, outputs: inputs });
    });
    blocks.push({ name: `layer${i + 1}`, prefixes: [prefix], layers });
  });
  return buildEncoder({ blocks, units, channels: inputs, side: size / REDUCTION, grid });
}

type MakeUnit = (conv: string, norm: string, options: ConvNormOptions) => ConvNorm;

/** `relu(x + f(x))`; where the shape changes, a 1×1 convolution brings x to the new one. */
function residual(
  unit: MakeUnit,
  name: string,
  sizes: {
    readonly inputs: number;
    readonly width: number;
    readonly outputs: number;
    readonly stride: number;
  },
): EncoderLayer {
  const { inputs, width, outputs, stride } = sizes;
  const conv = (i: number, options: ConvNormOptions) => unit(`${name}.conv${i}`, `${name}.bn${i}`, options);
  const path = outputs === width
    ? [
      conv(1, { inputs, outputs: width, kernel: 3, stride, activation: "relu" }),
      conv(2, { inputs: width, outputs, kernel: 3 }),
    ]
    : [
      conv(1, { inputs, outputs: width, kernel: 1, activation: "relu" }),
      conv(2, { inputs: width, outputs: width, kernel: 3, stride, activation: "relu" }),
      conv(3, { inputs: width, outputs, kernel: 1 }),
    ];
  const shortcut = stride === 1 && inputs === outputs
    ? undefined
    : unit(`${name}.downsample.0`, `${name}.downsample.1`, { inputs, outputs, kernel: 1, stride });
  return (x, { training }) => {
    const y = path.reduce((map, each) => each.apply(map, { training }), x);
    return relu(add(y, shortcut ? shortcut.apply(x, { training }) : x));
  };
}
