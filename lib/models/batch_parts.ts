// This module is browser compatible.
import type { RowRange } from "../data/parts.ts";
import type { WholeBatch } from "./caption_model.ts";
import type { HostBatch, HostPictures } from "./device_batch.ts";

/** Some rows of a batch, with what {@linkcode CaptionModel.loss} must know of the others. */
export type BatchPart = HostBatch & {
  /** Undefined where the part is all of it. */
  readonly whole: WholeBatch | undefined;
  /** See {@linkcode RowRange.borrowed}. */
  readonly borrowed: boolean;
};

/**
 * Parts of a batch, each padded to its own longest caption.
 *
 * @param batch All rows; pictures of all, or of `held` one range after another.
 * @param ranges Rows of each part.
 */
export function cutBatch(
  batch: HostBatch & { readonly held?: readonly RowRange[] },
  ranges: readonly RowRange[],
): BatchPart[] {
  const rows = batch.lengths.length;
  const { held = [{ first: 0, count: rows }] } = batch;
  const heldRows = held.reduce((sum, { count }) => sum + count, 0);
  const words = sumOf(batch.lengths) - rows; // every id but the start token is predicted
  const picturesOf = ({ first, count }: RowRange): HostPictures => {
    let at = 0;
    for (const range of held) {
      const start = at + first - range.first;
      if (first >= range.first && first + count <= range.first + range.count) {
        const { pixels, features } = batch;
        const size = (pixels ?? features!).length / heldRows;
        const [from, to] = [start * size, (start + count) * size];
        return pixels ? { pixels: pixels.subarray(from, to) } : { features: features!.subarray(from, to) };
      }
      at += range.count;
    }
    throw new RangeError(
      `Cannot take rows ${first} to ${first + count - 1} of a batch: their pictures are absent`,
    );
  };
  return ranges.map((range) => {
    const { first, count, borrowed } = range;
    const pictures = picturesOf(range);
    const lengths = Array.from({ length: count }, (_, i) => batch.lengths[first + i]);
    const columns = Math.max(...lengths);
    const captions = new Uint32Array(count * columns);
    for (let row = 0; row < count; row++) {
      for (let i = 0; i < columns; i++) {
        captions[row * columns + i] = batch.captions[(first + row) * batch.columns + i];
      }
    }
    const whole = count < rows || borrowed ? { words, pictures: rows, firstRow: first } : undefined;
    return { ...pictures, captions, columns, lengths, whole, borrowed };
  });
}

function sumOf(numbers: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < numbers.length; i++) sum += numbers[i];
  return sum;
}
