// This module is browser compatible.
/** Cuts the rows of a step's batch into parts: for several passes one after another, and for several processes. */

/** Consecutive rows of a batch. */
export interface RowRange {
  /** From 0. */
  readonly first: number;
  readonly count: number;
  /**
   * Whether they are somebody else's: fewer rows than processes are left. Their gradient counts for nothing, but the
   * process takes part in what all do together.
   */
  readonly borrowed: boolean;
}

/** Who cuts a batch. */
export interface Cut {
  /** Passes in which a step is taken: their gradients are added up. Default 1. */
  readonly passes?: number;
  /** This process, from 0. Default 0. */
  readonly rank?: number;
  /** Processes. Default 1. */
  readonly size?: number;
}

/**
 * The rows that a process takes, one range for each pass.
 *
 * First the batch is cut into passes, then each pass into processes: what a pass sees together (batch norm) is the
 * same for any number of processes. Ranges differ by at most one row, and every process has equally many.
 */
export function cutRows(rows: number, { passes = 1, rank = 0, size = 1 }: Cut): RowRange[] {
  const count = Math.max(1, Math.min(passes, rows));
  return Array.from({ length: count }, (_, pass) => {
    const [start, end] = share(0, rows, pass, count);
    const [first, last] = share(start, end, rank, size);
    return last > first
      ? { first, count: last - first, borrowed: false }
      : { first: start, count: 1, borrowed: true };
  });
}

/** Part number `part` of `parts` of the rows from `start` to before `end`. */
function share(start: number, end: number, part: number, parts: number): [number, number] {
  const at = (i: number) => start + Math.floor((end - start) * i / parts);
  return [at(part), at(part + 1)];
}

/**
 * Numbers of the pictures that a process holds of a batch, one range after another.
 *
 * @param images Numbers of all the batch's pictures.
 * @param held Default: all of them.
 */
export function heldImages(
  { images, held }: { readonly images: Uint32Array; readonly held?: readonly RowRange[] },
): Uint32Array {
  if (!held) return images;
  const parts = held.map(({ first, count }) => images.subarray(first, first + count));
  return Uint32Array.from(parts.flatMap((part) => [...part]));
}
