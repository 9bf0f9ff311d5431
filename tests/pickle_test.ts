// This module runs in Deno only.
/** Pickles that no PyTorch of today wrote: old ones, others, and such that mean harm. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { parsePickle } from "../lib/data/pickle.ts";
import { PickleRecord, type PickleValue } from "../lib/data/pickle_values.ts";
import { parsePth } from "../lib/data/pth.ts";
import { parseWeights, torchState } from "../lib/data/torch_state.ts";
import { zipOf } from "./zip_of.ts";

/** A pickle of letters, which are instructions, and bytes. */
function pickleOf(...parts: (string | number[] | Uint8Array<ArrayBuffer>)[]): Uint8Array<ArrayBuffer> {
  const bytes = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : Uint8Array.from(part)
  );
  const whole = new Uint8Array(bytes.reduce((sum, { length }) => sum + length, 0));
  bytes.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
/** Instructions that push as many different numbers. */
const numbers = (count: number) =>
  Uint8Array.from({ length: count * 5 }, (_, i) => i % 5 ? Math.floor(i / 5) >> (i % 5 - 1) * 8 : 0x4a);
const u32 = (value: number) => [...new Uint8Array(new Uint32Array([value]).buffer)];

describe("a pickle", () => {
  const parse = (...parts: Parameters<typeof pickleOf>) => parsePickle(pickleOf(...parts), "x.pkl");

  it("of Python 2 is read", () => {
    assert.deepEqual(
      parse([0x80, 2], "c__builtin__\nset\n", "]K\x01aU\x02ab", [0x85], "0", [0x85], "R."),
      new Set([1]),
    );
    assert.equal(parse("S'a\\x00\\n\\'\\101'\n."), "a\0\n'A");
    assert.deepEqual(parse("(I01\nI00\nL12L\nF1.5\nI-3\nt."), [true, false, 12, 1.5, -3]);
    const old = parse("(i__main__\nOld\np0\n(dp1\nS'x'\nI1\nsb."); // an instance of an old-style class
    assert.ok(old instanceof PickleRecord && old.type.path === "__main__.Old");
    assert.deepEqual(old.state, new Map([["x", 1]]));
    assert.equal((parse("(c__main__\nOld\nK\x01o.") as PickleRecord).args[0], 1);
  });

  it("of PyTorch before 0.4, in which a storage is a part of another, gives that part", () => {
    const id = "(U\x07storagectorch\nFloatStorage\nU\x01rU\x03cpuK\x06(U\x01vK\x02K\x03ttQ"; // three from the second on
    const tensor = `}U\x01xctorch._utils\n_rebuild_tensor\n(${id}K\x01(K\x02t(K\x01ttRs`;
    const numbers = [
      6,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      ...new Uint8Array(new Float32Array([0, 10, 20, 30, 40, 50]).buffer),
    ];
    const { tensors } = parseWeights(
      pickleOf(streamOf(tensor).slice(0, -2), "]U\x01ra.", numbers),
      "old.pth",
    );
    assert.deepEqual([...tensors.get("x")!.data], [30, 40]);
    const newer = streamOf(tensor.replace("_rebuild_tensor", "_rebuild_tensor_v3")).slice(0, -2);
    assert.throws(
      () => parseWeights(pickleOf(newer, "]U\x01ra.", numbers), "new.pth"),
      /it holds a tensor made by torch\._utils\._rebuild_tensor_v3, only dense ones of plain numbers/,
    );
  });

  it("or an archive that is no checkpoint is told from one", () => {
    const refused = (bytes: Uint8Array, message: RegExp) =>
      assert.throws(() => parseWeights(bytes, "x.pth"), { name: "SyntaxError", message });
    const tar = new Uint8Array(512);
    tar.set(new TextEncoder().encode("ustar"), 257);
    refused(
      tar,
      /a tar archive, as PyTorch wrote before version 0\.2: load it with PyTorch and save it again/,
    );
    refused(pickleOf([0x80, 2], "N."), /not one that torch\.save wrote: its magic number is missing/);
    refused(
      zipOf([{ name: "a/b.txt", data: pickleOf("x") }]),
      /zip archive without a data\.pkl.* it holds a\/b\.txt/,
    );
    refused(
      zipOf([{ name: "a/data.pkl", data: pickleOf("N."), deflate: true }]),
      /"a\/data\.pkl" is packed \(method 8\)/,
    );
    const big = [{ name: "a/data.pkl", data: pickleOf("N.") }, {
      name: "a/byteorder",
      data: pickleOf("big"),
    }];
    refused(zipOf(big), /its numbers are big-endian/);
    assert.throws(() => parsePth(pickleOf("hello"), "x.pth"), {
      message: /no PyTorch checkpoint.* this with 68 65 6c 6c/,
    });
  });

  it("that calls what a call made stays inert", () => {
    const made = parse("cbuiltins\ngetattr\n(cos\nname\nU\x06systemtR(U\x04rebotR.");
    assert.ok(made instanceof PickleRecord);
    assert.equal(made.type.path, "builtins.getattr(…)");
  });

  const limits = { stack: 10_000, values: 40_000 }; // a hundredth, for the sake of the time it takes
  const HOSTILE: readonly (readonly [what: string, bytes: Uint8Array, message: RegExp])[] = [
    ["nothing", pickleOf(), /cut off/],
    ["no end", pickleOf("N"), /cut off: 1 bytes should follow/],
    ["an empty stack", pickleOf("."), /takes a value that is not there/],
    ["no mark", pickleOf("Nt."), /mark that is not there/],
    ["an unknown instruction", pickleOf([0xff]), /0xff is no instruction \(byte 0\)/],
    ["a protocol of the future", pickleOf([0x80, 9]), /protocol 9, up to 5/],
    [
      "a frame beyond its end",
      pickleOf([0x95, 255, 255, 255, 255, 255, 255, 255, 127]),
      /a frame of Infinity bytes/,
    ],
    ["a text beyond its end", pickleOf("X", u32(4e9)), /4000000000 bytes should follow/],
    [
      "a whole number of 16 MB",
      pickleOf([0x8b], u32(1 << 24), new Uint8Array(1 << 24)),
      /has 16777216 bytes/,
    ],
    ["a whole number of 10,000 digits", pickleOf(`L${"9".repeat(10_000)}L\n.`), /should be a whole number/],
    ["texts that are not UTF-8", pickleOf([0x8c, 1, 255]), /not UTF-8/],
    ["too many marks", pickleOf("(".repeat(10_001)), /stacks more than 10000/],
    ["too many copies of one value", pickleOf("N", "2".repeat(10_001)), /stacks more than 10000/],
    ["too many values", pickleOf("]0".repeat(40_001)), /makes more than 40000 values/],
    ["a value it never remembered", pickleOf("h\x05."), /recalls value 5/],
    ["items of a number", pickleOf("K\x01Na."), /appends to the number "1"/],
    ["a key without a value", pickleOf("(Nd."), /a key without a value/],
    ["a call of a number", pickleOf("K\x01)R."), /calls the number "1", which is no class/],
    ["a registry's number", pickleOf([0x82, 1]), /registry of extensions/],
    ["a buffer beside it", pickleOf([0x97]), /beside the file/],
    [ // a list of 9,000 numbers, and a set of them for every six bytes
      "a list copied again and again",
      pickleOf("]q\x00(", numbers(9_000), "e0cbuiltins\nset\nq\x010", "h\x01(h\x00tR0".repeat(10)),
      /makes more than 40000 values/,
    ],
  ];
  for (const [what, bytes, message] of HOSTILE) {
    it(`with ${what} ends in an error`, () => {
      assert.throws(() => parsePickle(bytes, "x.pkl", { limits }), (error: Error) => {
        assert.equal(error.name, "SyntaxError");
        assert.match(error.message, /^Cannot read x\.pkl: /);
        assert.match(error.message, message);
        return true;
      });
    });
  }

  it("in which each list holds the one before ten times takes no more memory than its bytes", () => {
    let laughs = "]p0\n"; // each of the 60 lists stays on the stack below the next
    for (let i = 1; i <= 60; i++) laughs += `](${`g${i - 1}\n`.repeat(10)}ep${i}\n`;
    assert.equal((parse(laughs, ".") as PickleValue[]).length, 10);
    const dictionaries = laughs.replaceAll("](", "}(").replaceAll("e", "u").replace("]p0", "}p0")
      .replace(
        /g(\d+)\n/g,
        (() => {
          let key = 0;
          return (g: string) => `I${key++}\n${g}`;
        })(),
      );
    const file = { ...parsePth(streamOf(dictionaries), "laughs.pth") };
    assert.throws(() => torchState(file), {
      message: /^Cannot read laughs.pth: its dictionaries or modules/,
    });
  });
});

/** The older form of a checkpoint around a pickle without its end. */
function streamOf(pickle: string): Uint8Array {
  const magic = [0x80, 2, 0x8a, 10, 0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e];
  return pickleOf(magic, [0x80, 2, 0x4d, 0xe9, 3], ".", "}.", pickle, ".", "].");
}
