// This module is browser compatible.
/** Element types of tensors in files, little-endian. */

/** Names as in the safetensors format. */
export type DType = "F32" | "F16" | "BF16" | "F64" | "I64" | "I32" | "I16" | "I8" | "U32" | "U8" | "BOOL";

/** Numbers of one tensor: the halves as f32, booleans as 0 and 1. */
export type TensorArray =
  | Float32Array
  | Float64Array
  | BigInt64Array
  | Int32Array
  | Int16Array
  | Int8Array
  | Uint32Array
  | Uint8Array;

/** Bytes of one element in a file. */
export const DTYPE_BYTES: Readonly<Record<DType, number>> = {
  F32: 4,
  F16: 2,
  BF16: 2,
  F64: 8,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U32: 4,
  U8: 1,
  BOOL: 1,
};

/**
 * The elements that bytes hold: a view where the bytes lie at a multiple of the element's size, else of a copy.
 *
 * @param bytes A multiple of the element's size.
 */
export function elementsOf(dtype: DType, bytes: Uint8Array): TensorArray {
  const size = DTYPE_BYTES[dtype];
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const place = [aligned.buffer, aligned.byteOffset, aligned.byteLength / size] as const;
  switch (dtype) {
    case "F32":
      return new Float32Array(...place);
    case "F64":
      return new Float64Array(...place);
    case "F16":
      return new Float32Array(new Float16Array(...place));
    case "BF16":
      return fromBfloat16(new Uint16Array(...place));
    case "I64":
      return new BigInt64Array(...place);
    case "I32":
      return new Int32Array(...place);
    case "I16":
      return new Int16Array(...place);
    case "I8":
      return new Int8Array(...place);
    case "U32":
      return new Uint32Array(...place);
    case "U8":
    case "BOOL":
      return new Uint8Array(...place);
  }
}

/** The reverse of {@linkcode elementsOf}: halves are rounded to the nearest, to the even one of two. */
export function bytesOfElements(dtype: DType, data: TensorArray): Uint8Array {
  const packed = dtype === "F16"
    ? new Float16Array(data as Float32Array) // the halves are f32 in memory
    : dtype === "BF16"
    ? toBfloat16(data as Float32Array)
    : data;
  return new Uint8Array(packed.buffer, packed.byteOffset, packed.byteLength);
}

/** bfloat16 is the upper half of an f32. */
function fromBfloat16(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => half << 16);
  return new Float32Array(bits.buffer);
}

function toBfloat16(values: Float32Array): Uint16Array {
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  return Uint16Array.from(bits, (value, i) => {
    if (Number.isNaN(values[i])) return 0x7fc0; // rounding could carry it into infinity
    return (value + 0x7fff + ((value >>> 16) & 1)) >>> 16;
  });
}
