// This module is browser compatible.
/** The programs of the matrix product, and which one suits a shape. */

import { type AdapterTraits, ceilDiv, MAX_WORKGROUPS, type Program } from "./kernel.ts";
import registers from "./matmul_registers.wgsl" with { type: "text" };
import slices from "./matmul_slices.wgsl" with { type: "text" };
import workgroup from "./matmul_workgroup.wgsl" with { type: "text" };

/** `Params` of every `matmul*.wgsl`. */
export const MATMUL_PARAMS = {
  M: "u32",
  N: "u32",
  K: "u32",
  batch: "u32",
  lda: "u32",
  ldb: "u32",
  ldc: "u32",
  offset_a: "u32",
  offset_b: "u32",
  offset_c: "u32",
  stride_a: "u32",
  stride_b: "u32",
  stride_c: "u32",
  transpose_a: "u32",
  transpose_b: "u32",
  beta: "u32",
  use_bias: "u32",
  relu: "u32",
} as const;

/** Their names. */
export type MatmulParam = keyof typeof MATMUL_PARAMS;

type Params = Readonly<Record<MatmulParam, number>>;

/** Rows of a tile of `matmul_registers.wgsl`, and its columns in vec4s. */
const TILES = [[16, 4], [8, 2], [4, 4]] as const;

// On lavapipe a vec4 loaded costs about 40 cycles and a product of 8 lanes 1.1.
const LOAD = 40;
const PRODUCT = 1.1;
const BUSY = 3; // workgroups that keep the threads of a small machine busy

/** Multiplications below which any program does: one pipeline for all the small shapes starts faster than many. */
const SMALL = 1 << 14;

const TRANSPOSES = ["nn", "nt", "tn", "tt"] as const; // a, b

const registerPrograms = TILES.flatMap(([rows, columns4]) =>
  TRANSPOSES.flatMap((transposes, t) =>
    [0, 1, 2, 3, 4, 5, 6, 7].map((aligned): Program<MatmulParam> => ({
      name: `matmul_registers:${rows}x${4 * columns4}:${transposes}:${aligned}`,
      wgsl: registers,
      constants: {
        ROWS: rows,
        COLUMNS4: columns4,
        TRANSPOSE_A: t >> 1,
        TRANSPOSE_B: t & 1,
        ALIGNED_A: aligned >> 2,
        ALIGNED_B: aligned >> 1 & 1,
        ALIGNED_C: aligned & 1,
      },
      workgroups: ({ M, N, batch }) => [ceilDiv(M, rows), ceilDiv(N, 32 * columns4), batch],
    }))
  )
);

/** A tile of a program for real GPUs: elements of c, and what one workgroup spends on a step of K, in cycles. */
interface Tile {
  readonly rows: number;
  readonly columns: number;
  readonly cycles: number;
}

// Reasoned from an H200's data sheet, not measured: 132 processors of 128 multiply-adds a cycle (an RTX 4090 has 128), a
// half of which is reached with 4 × 4 sums an invocation, which wait for workgroup memory, and four fifths with 8 × 8;
// and 5.5 TB/s from the second-level cache, which are 24 bytes a cycle for each processor.
const PROCESSORS = 128;
const tileOf = (rows: number, columns: number, reached: number): Tile => ({
  rows,
  columns,
  cycles: rows * columns / (128 * reached) + 4 * (rows + columns) / 24,
});

/** Tiles of `matmul_workgroup.wgsl`, by R. */
const WORKGROUP_TILES = [tileOf(64, 64, 0.5), tileOf(128, 128, 0.8)];
/** Tiles of `matmul_slices.wgsl`, and the steps of K that lie in workgroup memory: as many as 16 KiB hold. */
const SLICE_TILES = [
  { ...tileOf(8, 16, 0.5), block: 128 },
  { ...tileOf(16, 16, 0.5), block: 96 },
  { ...tileOf(32, 16, 0.5), block: 64 },
  { ...tileOf(32, 32, 0.5), block: 48 },
];

function tiled(
  file: string,
  { rows, columns }: Tile,
  { wgsl, constants }: { readonly wgsl: string; readonly constants: Readonly<Record<string, number>> },
): Program<MatmulParam>[] {
  return TRANSPOSES.flatMap((transposes, t) =>
    [0, 1].map((aligned): Program<MatmulParam> => ({
      name: `${file}:${rows}x${columns}:${transposes}:${aligned}`,
      wgsl,
      constants: { ...constants, TRANSPOSE_A: t >> 1, TRANSPOSE_B: t & 1, ALIGNED: aligned },
      workgroups: ({ M, N, batch }) => [ceilDiv(N, columns), ceilDiv(M, rows), batch],
    }))
  );
}

/** For each tile its programs, by transposes and alignment. */
const tiledPrograms = [
  ...WORKGROUP_TILES.map((tile, i) =>
    tiled("matmul_workgroup", tile, { wgsl: workgroup, constants: { R: i + 1 } })
  ),
  ...SLICE_TILES.map((tile) => {
    const constants = { ROWS4: tile.rows / 4, COLUMNS4: tile.columns / 4, BLOCK: tile.block };
    return tiled("matmul_slices", tile, { wgsl: slices, constants });
  }),
];
const TILED = [...WORKGROUP_TILES, ...SLICE_TILES];

/** All programs besides the simple one. */
export const MATMUL_VARIANTS: readonly Program<MatmulParam>[] = [
  ...registerPrograms,
  ...tiledPrograms.flat(),
];

/** The program for `p`, or nothing where the simple one will do. */
export function chooseMatmul(p: Params, adapter: AdapterTraits): Program<MatmulParam> | undefined {
  if (p.M * p.N * p.K * p.batch <= SMALL) return undefined;
  const transposes = 2 * p.transpose_a + p.transpose_b;
  const a = isAligned(p.lda, p.offset_a, p.stride_a);
  const b = isAligned(p.ldb, p.offset_b, p.stride_b);
  if (adapter.software) {
    const c = isAligned(p.ldc, p.offset_c, p.stride_c) && p.N % 4 === 0;
    return registerPrograms[
      (cheapestTile(p) * 4 + transposes) * 8 + 4 * Number(a) + 2 * Number(b) + Number(c)
    ];
  }
  return tiledPrograms[quickestTile(p)][2 * transposes + Number(a && b)];
}

/** As many tiles at once as there are processors; fewer leave some without work. */
function quickestTile({ M, N, batch }: Params): number {
  const cycles = TILED.map(({ rows, columns, cycles }) => {
    const [x, y] = [ceilDiv(N, columns), ceilDiv(M, rows)];
    return Math.max(x, y) > MAX_WORKGROUPS ? Infinity : Math.max(x * y * batch, PROCESSORS) * cycles;
  });
  return cycles.indexOf(Math.min(...cycles));
}

function isAligned(row: number, offset: number, stride: number): boolean {
  return (row | offset | stride) % 4 === 0;
}

/** Large tiles load least for each product; small ones waste less at the edges and occupy more threads. */
function cheapestTile({ M, N, batch }: Params): number {
  let best = 0;
  let least = Infinity;
  TILES.forEach(([rows, columns4], i) => {
    const groups = ceilDiv(M, rows) * ceilDiv(N, 32 * columns4) * batch;
    const steps = LOAD * (rows + 4 * columns4) + PRODUCT * 16 * rows * columns4; // four of K
    const cost = Math.max(groups, BUSY) * steps;
    if (cost < least) [best, least] = [i, cost];
  });
  return best;
}
