// This module is browser compatible.
/** The memory each thread keeps for itself: a tile, tables, a packed piece of A (or of an image) and one of B. */

/** Two words that say what the B area holds: the job's serial number and the piece. */
export const PACKED_SERIAL = 0;
export const PACKED_PIECE = 4;
/** A tile that is computed aside, and the offsets of its rows. */
export const TILE = 256;
export const TILE_OFFSETS = 512;
/** Offsets of pixels in a band of an image, and in the output. */
export const TABLE_A = 4096;
export const TABLE_C = 4096 + 32768;
/** Pixels that a table holds. */
export const TABLE_LENGTH = 8192;
export const AREA_A = 131072;
export const AREA_A_BYTES = 4 << 20;
export const AREA_B = AREA_A + AREA_A_BYTES;
export const AREA_B_BYTES = 4 << 20;
/** All of it. Only pages that are touched cost memory. */
export const SCRATCH_BYTES = AREA_B + AREA_B_BYTES;

/** The address of a word that is always 0: a table with one offset. */
export const ZERO_TABLE = 0;
