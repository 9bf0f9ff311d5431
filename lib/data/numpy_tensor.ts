// This module is browser compatible.
/** numpy's arrays and numbers in pickles. */

import { type ByteReader, latin1Bytes } from "./byte_reader.ts";
import { type DType, DTYPE_BYTES, elementsOf } from "./dtype.ts";
import { type CopyBudget, gather, rowStrides } from "./gather.ts";
import { PickleRecord, type PickleValue } from "./pickle_values.ts";
import type { FileTensor } from "./safetensors.ts";
import { isCount } from "./torch_types.ts";

const DTYPES: Readonly<Record<string, DType>> = {
  f2: "F16",
  f4: "F32",
  f8: "F64",
  i1: "I8",
  i2: "I16",
  i4: "I32",
  i8: "I64",
  u1: "U8",
  u4: "U32",
  b1: "BOOL",
};

/**
 * The tensor of a numpy array or number; undefined where the record is neither.
 *
 * @throws {SyntaxError} If its type is not read, or its bytes do not fill it.
 */
export function numpyTensor(
  { type, args, state }: PickleRecord,
  { reader, budget }: { readonly reader: ByteReader; readonly budget: CopyBudget },
): FileTensor | undefined {
  const parts = arrayParts(type.path.replace(/^numpy\._core\./, "numpy.core."), args, state);
  if (!parts) return undefined;
  const [shape, dtypeRecord, fortran, content] = parts;
  const dtype = dtypeOf(dtypeRecord);
  const bytes = typeof content === "string" ? latin1Bytes(content) : content; // Python 2's bytes are texts
  if (!dtype) throw reader.fail("a numpy array holds other than plain little-endian numbers");
  const sizes = Array.isArray(shape) && shape.every(isCount) ? shape as number[] : undefined;
  const count = sizes?.reduce((product, size) => product * size, 1);
  if (!sizes || !(bytes instanceof Uint8Array) || bytes.length !== count! * DTYPE_BYTES[dtype]) {
    throw reader.fail("the bytes of a numpy array do not fill its shape");
  }
  const strides = fortran ? rowStrides([...sizes].reverse()).reverse() : rowStrides(sizes);
  const data = gather(elementsOf(dtype, bytes), { offset: 0, shape: sizes, strides }, budget);
  if (!data) throw reader.fail("its numpy arrays are far larger than the file");
  return { dtype, shape: sizes, data };
}

type Parts = readonly [
  shape: PickleValue,
  dtype: PickleValue,
  fortran: boolean,
  content: PickleValue,
];

function arrayParts(
  path: string,
  args: readonly PickleValue[],
  state: PickleValue | undefined,
): Parts | undefined {
  switch (path) {
    case "numpy.core.multiarray._reconstruct": { // its state: version, shape, dtype, order, bytes
      const [, shape, dtype, fortran, content] = Array.isArray(state) ? state : [];
      return [shape ?? null, dtype ?? null, fortran === true || fortran === 1, content ?? null];
    }
    case "numpy.core.numeric._frombuffer": { // protocol 5: bytes, dtype, shape, order
      const [content = null, dtype = null, shape = null, order] = args;
      return [shape, dtype, order === "F", content];
    }
    case "numpy.core.multiarray.scalar":
      return [[], args[0] ?? null, false, args[1] ?? null];
  }
  return undefined;
}

/** `numpy.dtype("f4", …)` with its byte order in the state: version, order, … */
function dtypeOf(value: PickleValue): DType | undefined {
  if (!(value instanceof PickleRecord) || value.type.path !== "numpy.dtype") return undefined;
  const [name] = value.args;
  const order = Array.isArray(value.state) ? value.state[1] : "<";
  if (order === ">" || typeof name !== "string" || !Object.hasOwn(DTYPES, name)) return undefined;
  return DTYPES[name];
}
