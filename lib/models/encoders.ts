// This module is browser compatible.
import type { Parameters } from "../nn/parameters.ts";
import type { EncoderName, ModelConfig } from "./config.ts";
import type { Encoder } from "./encoder.ts";
import { mobilenetV2Encoder } from "./mobilenet_v2.ts";
import { resnetEncoder } from "./resnet.ts";
import { squeezenetEncoder } from "./squeezenet.ts";
import { tinyEncoder } from "./tiny.ts";

/** What pictures an encoder takes: sizes from `least` on that are a multiple of `step`. */
export interface EncoderSizes {
  readonly least: number;
  readonly step: number;
}

/** The sizes of pictures that an encoder takes, in pixels. */
function encoderSizes(name: EncoderName): EncoderSizes {
  if (name === "tiny") return { least: 8, step: 8 };
  // SqueezeNet's windows overlap and are rounded up: any size gives whole maps.
  return name === "squeezenet1_0" ? { least: 32, step: 1 } : { least: 32, step: 32 };
}

/**
 * What is wrong with a size for an encoder, in words; nothing if it fits.
 *
 * @returns "a multiple of 32, such as 224".
 */
export function sizeProblem(name: EncoderName, size: number): string | undefined {
  const { least, step } = encoderSizes(name);
  if (size >= least && size % step === 0) return undefined;
  if (step === 1) return `at least ${least}`;
  return `a multiple of ${step}, such as ${Math.max(least, step * Math.round(size / step))}`;
}

/**
 * Makes the encoder that a config names.
 *
 * @throws {RangeError} If its pictures are not of a size that it takes.
 */
export function makeEncoder(parameters: Parameters, config: ModelConfig): Encoder {
  const { encoder: name, channels, grid, variant, preprocessing: { size } } = config;
  const wanted = sizeProblem(name, size);
  if (wanted) {
    throw new RangeError(
      `Cannot make the encoder ${name} for pictures of ${size} pixels: the size must be ${wanted}`,
    );
  }
  switch (name) {
    case "tiny":
      return tinyEncoder(parameters, { size, channels, grid });
    case "mobilenet_v2":
      return mobilenetV2Encoder(parameters, { size, grid, variant });
    case "squeezenet1_0":
      return squeezenetEncoder(parameters, { size, grid });
    default:
      return resnetEncoder(parameters, { name, size, grid });
  }
}
