// This module is browser compatible.
/** What imports of other people's checkpoints share: their tensors taken by name, their rows in our order. */

import type { FileTensor } from "../data/safetensors.ts";
import type { WordOrder } from "../data/word_map.ts";
import type { EncoderName } from "./config.ts";
import { encoderTensors } from "./encoder_weights.ts";

/** What is imported. */
export interface ImportSource {
  /** The checkpoint's file name, for errors. */
  readonly name: string;
  readonly order: WordOrder;
  /** Kept as a note in the model file: epoch and scores of the checkpoint. */
  readonly notes?: Readonly<Record<string, unknown>>;
}

/** The tensors of a foreign checkpoint, under plain names. */
export class ForeignTensors {
  readonly tensors: ReadonlyMap<string, FileTensor>;
  /** The file's name, for errors. */
  readonly name: string;
  /** Whose checkpoints have these names, for errors. */
  readonly maker: string;

  constructor(tensors: ReadonlyMap<string, FileTensor>, { name, maker }: { name: string; maker: string }) {
    this.tensors = tensors;
    this.name = name;
    this.maker = maker;
  }

  /** The error of a checkpoint that is not of the kind asked for. */
  fail(what: string): RangeError {
    return new RangeError(`Cannot import ${this.name} as a checkpoint of ${this.maker}: ${what}`);
  }

  /**
   * A tensor of floats, as f32.
   *
   * @param dimensions How many it should have.
   * @throws {RangeError} If it is missing, of integers, or of other dimensions.
   */
  take(name: string, dimensions: number): FileTensor {
    const found = this.tensors.get(name);
    if (!found) throw this.fail(`it has no "${name}"; it has ${this.#some()}`);
    const { dtype, shape } = found;
    if (shape.length !== dimensions || !/F/.test(dtype)) {
      throw this.fail(
        `"${name}" is ${dtype} [${shape.join(", ")}], should be ${dimensions} dimensions of floats`,
      );
    }
    return asFloat32(found);
  }

  #some(): string {
    const names = [...this.tensors.keys()];
    const more = names.length > 12 ? `, … (${names.length} in all)` : "";
    return names.slice(0, 12).join(", ") + more;
  }
}

/** A tensor of floats as one of f32. */
function asFloat32({ shape, data }: FileTensor): FileTensor {
  return {
    dtype: "F32",
    shape,
    data: data instanceof Float32Array ? data : Float32Array.from(data as Float64Array),
  };
}

/**
 * A tensor whose first axis is words, in another order.
 *
 * @param ids The row of `tensor` that each row of the result is.
 */
export function reorderRows({ dtype, shape, data }: FileTensor, ids: readonly number[]): FileTensor {
  const width = shape.slice(1).reduce((product, size) => product * size, 1);
  const source = data as Float32Array; // what ForeignTensors gives
  const rows = new Float32Array(ids.length * width);
  ids.forEach((id, row) => rows.set(source.subarray(id * width, (id + 1) * width), row * width));
  return { dtype, shape: [ids.length, ...shape.slice(1)], data: rows };
}

/**
 * The ResNet in a checkpoint, for our model file.
 *
 * @throws {RangeError} If there is none, or another encoder.
 */
export function resnetOf(
  foreign: ForeignTensors,
): { encoder: EncoderName; tensors: Map<string, FileTensor> } {
  const { encoder, tensors } = encoderTensors({ name: foreign.name, metadata: {}, tensors: foreign.tensors });
  if (!encoder.startsWith("resnet")) throw foreign.fail(`its encoder is ${encoder}, should be a ResNet`);
  return { encoder, tensors: new Map([...tensors].map(([name, tensor]) => [name, asFloat32(tensor)])) };
}

/** Refuses a vocabulary of another size than the tensor's. */
export function checkWords(
  { shape }: FileTensor,
  { foreign, theirs, order }: {
    readonly foreign: ForeignTensors;
    readonly theirs: string;
    readonly order: WordOrder;
  },
): void {
  if (shape[0] === order.theirIds.length) return;
  throw foreign.fail(
    `"${theirs}" has rows for ${shape[0]} words, the vocabulary has ${order.theirIds.length}: ` +
      "name the vocabulary that it was trained with (--words)",
  );
}
