// This module is browser compatible.
/** What the programs of the convolution and its gradients have in common, and which of them suits a shape. */

import {
  type AdapterTraits,
  ceilDiv,
  type Grid,
  linearGrid,
  MAX_WORKGROUPS,
  type Program,
} from "./kernel.ts";
import type { ConvParams } from "./conv2d_shape.ts";

/**
 * Tiles of the `_registers` programs: pixels or inputs × vec4s of channels, and how many invocations of a workgroup
 * lie side by side along the channels.
 */
const TILES = [16, 8].flatMap((rows) => [8, 4, 2, 1].map((lanes) => ({ rows, columns4: rows / 4, lanes })));

// On lavapipe a vec4 loaded costs about 40 cycles and a product of 8 lanes 1.1. Lanes that lie along the rows read
// what lies farther apart.
const LOAD = 40;
const PRODUCT = 1.1;
const SPREAD = [1, 1.1, 1.15, 1.25];
const BUSY = 3; // workgroups that keep the threads of a small machine busy

/** Multiplications below which any program does: one pipeline for all the small shapes starts faster than many. */
const SMALL = 1 << 14;

/** A convolution seen as a matrix product: `times` products of [rows, steps] · [steps, columns]. */
export interface ConvProduct {
  readonly rows: number;
  readonly columns: number;
  readonly times: number;
}

/** One of the three kernels, and its sources. */
export interface ConvFamily<P extends ConvParams> {
  readonly name: string;
  /** `_registers`, `_workgroup` and `_depthwise`. */
  readonly wgsl: { readonly registers: string; readonly workgroup: string; readonly depthwise: string };
  /** How the `_registers` program names the rows and columns of its tile. */
  readonly tile: readonly [rows: string, columns4: string];
  /** `override`s of the `_workgroup` program that say what is aligned, given the same of x and of y. */
  aligned(x: number, y: number): Readonly<Record<string, number>>;
  product(p: P): ConvProduct;
  /** Tiles of `size` rows in the `_registers` program, where they are not simply as many as cover the rows. */
  rowTiles?(p: P, size: number): number;
  depthwiseGrid(p: P): Grid;
  /** Whether the `_depthwise` program has an override for the stride. */
  readonly strides: boolean;
}

/** The programs of `family`, and the choice among them: `undefined` where the simple program will do. */
export function convPrograms<P extends ConvParams>(
  family: ConvFamily<P>,
): {
  variants: readonly Program<string & keyof P>[];
  choose(params: P, adapter: AdapterTraits): Program<string & keyof P> | undefined;
} {
  type Variant = Program<string & keyof P>;
  const { name, wgsl, product } = family;
  const rowTiles = family.rowTiles ?? ((p: P, size: number) => ceilDiv(product(p).rows, size));
  const registers = TILES.flatMap(({ rows, columns4, lanes }) =>
    [0, 1, 2, 3].map((aligned): Variant => ({
      name: `${name}_registers:${rows}x${4 * columns4}:${lanes}:${aligned}`,
      wgsl: wgsl.registers,
      constants: {
        [family.tile[0]]: rows,
        [family.tile[1]]: columns4,
        LANES: lanes,
        ALIGNED_X: aligned >> 1,
        ALIGNED_Y: aligned & 1,
      },
      workgroups(params) {
        const { columns: N, times } = product(params as P);
        return [ceilDiv(rowTiles(params as P, rows) * lanes, 8), ceilDiv(N, 4 * columns4 * lanes), times];
      },
    }))
  );
  const workgroup = [1, 2].flatMap((R) =>
    [0, 1, 2, 3].map((aligned): Variant => ({
      name: `${name}_workgroup:${64 * R}x${64 * R}:${aligned}`,
      wgsl: wgsl.workgroup,
      constants: { R, ...family.aligned(aligned >> 1, aligned & 1) },
      workgroups(params) {
        const { rows: M, columns: N, times } = product(params as P);
        return [ceilDiv(M, 64 * R), ceilDiv(N, 64 * R), times];
      },
    }))
  );
  const depthwise = (family.strides ? [1, 2] : [0]).map((stride): Variant => ({
    name: `${name}_depthwise:${stride}`,
    wgsl: wgsl.depthwise,
    constants: family.strides ? { STRIDE: stride } : {},
    workgroups: (params) => family.depthwiseGrid(params as P),
  }));
  return {
    variants: [...registers, ...workgroup, ...depthwise],
    choose(p, { software }) {
      if (multiplications(p) <= SMALL) return undefined;
      if (isDepthwise(p)) return depthwise[family.strides ? p.stride - 1 : 0];
      const aligned = 2 * Number(p.in_channels / p.groups % 4 === 0) +
        Number(p.out_channels / p.groups % 4 === 0);
      const shape = product(p);
      if (software) return registers[4 * cheapestTile(shape) + aligned];
      const { rows, columns, times } = shape;
      const tiles = (size: number) => ceilDiv(rows, size) * ceilDiv(columns, size) * times;
      if (rows >= 96 && columns >= 96 && tiles(128) >= 64) return workgroup[4 + aligned];
      return columns >= 16 ? workgroup[aligned] : undefined;
    },
  };
}

function multiplications(p: ConvParams): number {
  const inputs = p.kernel_height * p.kernel_width * p.in_channels / p.groups;
  return p.batch * p.out_height * p.out_width * p.out_channels * inputs;
}

/** One input and one output channel a group, 3 × 3, as mobile networks have them. */
function isDepthwise(p: ConvParams): boolean {
  return p.groups === p.in_channels && p.groups === p.out_channels && p.groups % 4 === 0 &&
    p.kernel_height === 3 && p.kernel_width === 3 && (p.stride === 1 || p.stride === 2 && p.padding === 1);
}

/** Invocations of 8 pixels of a row × 4 channels that cover `rows` rows of `width` pixels. */
export function stripGrid(rows: number, width: number, channels: number): Grid {
  return linearGrid(rows * ceilDiv(width, 8) * channels / 4, 64);
}

function cheapestTile({ rows: M, columns: N, times }: ConvProduct): number {
  let best = 0;
  let least = Infinity;
  TILES.forEach(({ rows, columns4, lanes }, i) => {
    const groups = ceilDiv(M * lanes, 8 * rows) * ceilDiv(N, 4 * columns4 * lanes) * times;
    const steps = LOAD * (rows + 4 * columns4) + PRODUCT * 16 * rows * columns4; // four of them
    const cost = Math.max(groups, BUSY) * steps * SPREAD[i % 4];
    if (M * lanes > 8 * rows * MAX_WORKGROUPS) return; // fewer lanes along the channels make a shorter grid
    if (cost < least) [best, least] = [i, cost];
  });
  return best;
}
