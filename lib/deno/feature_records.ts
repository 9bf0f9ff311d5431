// This module runs in Deno only.
/** Features as the bytes of a record, and back. */

import { floatsToHalves, halvesToFloats } from "../data/half.ts";
import type { FeatureOrigin, FeatureType } from "../data/feature_origin.ts";
import type { RecordFile } from "./shard_reader.ts";

/** The largest number in 16 bits. */
const MOST = { f16: 65_504, f32: 3.4028234e38 } as const;

/**
 * One picture's features [P, D] as they lie on the disk.
 *
 * @param name The picture's, for errors.
 * @throws {RangeError} If a number does not fit.
 */
export function featureBytes(
  features: Float32Array,
  { type, name }: { readonly type: FeatureType; readonly name: string },
): Uint8Array {
  const wrong = features.find((value) => !(Math.abs(value) <= MOST[type]));
  if (wrong !== undefined) {
    const way = Number.isFinite(wrong) ? "add --features-type f32" : "the encoder's weights are damaged";
    throw new RangeError(`Cannot keep the features of ${name} in ${type}: one of them is ${wrong}, ${way}`);
  }
  const numbers = type === "f16" ? floatsToHalves(features) : features;
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

/** Reads the features of records. Keeps its memory from call to call. */
export class FeatureDecoder {
  readonly #file: RecordFile<FeatureOrigin>;
  #bytes = new Uint8Array(0);

  constructor(file: RecordFile<FeatureOrigin>) {
    this.#file = file;
  }

  /**
   * @param out Filled with [records.length, P, D].
   * @throws {Error} If the file is cut off, or a record's bytes are not those that were written.
   */
  read(records: ArrayLike<number>, out: Float32Array): void {
    const length = records.length * this.#file.bytes;
    if (this.#bytes.length < length) this.#bytes = new Uint8Array(length);
    this.#file.read(records, this.#bytes.subarray(0, length));
    if (this.#file.origin.type === "f16") {
      halvesToFloats(new Uint16Array(this.#bytes.buffer, 0, length / 2), out);
    } else out.set(new Float32Array(this.#bytes.buffer, 0, length / 4));
  }
}
