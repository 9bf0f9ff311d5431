// This module is browser compatible.
import { ConvNorm, type ConvNormOptions } from "../nn/conv_norm.ts";
import { type Parameters } from "../nn/parameters.ts";
import { add } from "../ops/mod.ts";
import { buildEncoder, type Encoder, type EncoderBlock, type EncoderLayer } from "./encoder.ts";

/** Pixels of the image along one side of one position. */
const REDUCTION = 32;

/** The groups of inverted residual blocks: expansion, output channels, blocks, stride of the first. */
const GROUPS = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
] as const;

/**
 * MobileNetV2 (Sandler et al., 2018) without its classifier. Names are torchvision's behind "encoder.".
 *
 * [B, 224, 224, 3] → [B, 7, 7, 1280].
 *
 * @param options `size` of the pictures is a multiple of 32. `variant` "keras" is the network of keras-applications:
 * windows of stride 2 are padded at the end alone, as TensorFlow does, and each batch norm is folded into its convolution,
 * which has a bias for it. Default: torchvision's.
 */
export function mobilenetV2Encoder(
  parameters: Parameters,
  { size, grid, variant }: { readonly size: number; readonly grid?: number; readonly variant?: "keras" },
): Encoder {
  const units: ConvNorm[] = [];
  const unit = (name: string, [conv, norm]: readonly [string, string], options: ConvNormOptions) => {
    const keras = variant === "keras";
    const names = { conv: `${name}.${conv}`, norm: keras ? undefined : `${name}.${norm}` };
    const padding = keras && options.stride === 2 ? { padding: 0, paddingEnd: 1 } : {};
    const made = new ConvNorm(parameters, names, { ...options, ...padding });
    units.push(made);
    return made;
  };
  const blocks: EncoderBlock[] = [];
  const addBlock = (name: string, layer: EncoderLayer) =>
    blocks.push({ name, prefixes: [`encoder.${name}`], layers: [layer] });

  const first = unit("encoder.features.0", ["0", "1"], {
    ...{ inputs: 3, outputs: 32, kernel: 3, stride: 2, activation: "relu6" },
  });
  addBlock("features.0", (x, options) => first.apply(x, options));
  let inputs = 32;
  for (const [expansion, outputs, count, stride] of GROUPS) {
    for (let i = 0; i < count; i++) {
      const name = `features.${blocks.length}`;
      const sizes = { inputs, outputs, expansion, stride: i === 0 ? stride : 1 };
      addBlock(name, invertedResidual(unit, `encoder.${name}.conv`, sizes));
      inputs = outputs;
    }
  }
  const last = unit(`encoder.features.${blocks.length}`, ["0", "1"], {
    ...{ inputs, outputs: 1280, kernel: 1, activation: "relu6" },
  });
  addBlock(`features.${blocks.length}`, (x, options) => last.apply(x, options));
  return buildEncoder({ blocks, units, channels: 1280, side: size / REDUCTION, grid });
}

type MakeUnit = (
  name: string,
  parts: readonly [conv: string, norm: string],
  options: ConvNormOptions,
) => ConvNorm;

/** Expand by 1×1, filter each channel by 3×3, project by 1×1; and add x where the shape stays. */
function invertedResidual(
  unit: MakeUnit,
  name: string,
  sizes: {
    readonly inputs: number;
    readonly outputs: number;
    readonly expansion: number;
    readonly stride: number;
  },
): EncoderLayer {
  const { inputs, outputs, expansion, stride } = sizes;
  const width = inputs * expansion;
  const activation = "relu6";
  const path: ConvNorm[] = [];
  if (expansion > 1) {
    path.push(unit(`${name}.0`, ["0", "1"], { inputs, outputs: width, kernel: 1, activation }));
  }
  const at = path.length;
  const depthwise = { inputs: width, outputs: width, kernel: 3, stride, groups: width, activation } as const;
  path.push(unit(`${name}.${at}`, ["0", "1"], depthwise));
  path.push(unit(name, [`${at + 1}`, `${at + 2}`], { inputs: width, outputs, kernel: 1 }));
  const adds = stride === 1 && inputs === outputs;
  return (x, { training }) => {
    const y = path.reduce((map, each) => each.apply(map, { training }), x);
    return adds ? add(x, y) : y;
  };
}
