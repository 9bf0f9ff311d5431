/** bfloat16 in safetensors. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parseSafetensors, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { parseWeights } from "../lib/data/torch_state.ts";

/** A pickle of letters, which are instructions, and bytes. */
function pickleOf(...parts: (string | number[] | Uint8Array<ArrayBuffer>)[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part)
  );
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  bytes.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}

describe("bfloat16 in safetensors", () => {
  it("is read and written to the bit, rounded to the nearest", () => {
    const data = new Float32Array([1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, NaN, -Infinity]);
    const parts = serialiseSafetensors({
      metadata: {},
      tensors: new Map([["x", { dtype: "BF16", shape: [7], data }]]),
    });
    const bytes = pickleOf(...parts.map((part) => [...part]));
    assert.deepEqual([...new Uint16Array(bytes.slice(-14).buffer)], [
      0x3f80,
      0xc020,
      0x3f80,
      0x3f82,
      0x7f80,
      0x7fc0,
      0xff80,
    ]);
    const { dtype, data: read } = parseSafetensors(bytes, "x").tensors.get("x")!;
    assert.equal(dtype, "BF16");
    assert.deepEqual([...read], [1, -2.5, 1, 1 + 2 ** -6, Infinity, NaN, -Infinity]);
  });

  it("with a header of 640 bytes is not taken for a pickle", () => {
    const header = { x: { dtype: "U8", shape: [1], data_offsets: [0, 1] } };
    const bytes = pickleOf([0x80, 2, 0, 0, 0, 0, 0, 0], JSON.stringify(header).padEnd(640), [7]);
    assert.deepEqual([...parseWeights(bytes, "x").tensors.get("x")!.data], [7]);
  });
});
