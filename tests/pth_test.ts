// This module runs in Deno only.
/** Checkpoints that real PyTorch wrote, read without it; and pickles that mean harm. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parsePickle } from "../lib/data/pickle.ts";
import { PickleRecord, type PickleValue } from "../lib/data/pickle_values.ts";
import { parsePth } from "../lib/data/pth.ts";
import { serialisePth } from "../lib/data/pth_writer.ts";
import { type FileTensor, parseSafetensors, serialiseSafetensors } from "../lib/data/safetensors.ts";
import { plainNames } from "../lib/data/torch_names.ts";
import { parseWeights, torchState } from "../lib/data/torch_state.ts";
import { zipOf } from "./zip_of.ts";
import { parseWordMap } from "../lib/data/word_map.ts";
import { lacksTorch, python } from "./python.ts";

const SCRIPT = new URL("make_checkpoints.py", import.meta.url).pathname;
let dir = "";

interface Expected {
  readonly dtype: string;
  readonly shape: number[];
  /** As Python prints them. */
  readonly data: string[];
}

const bytesOf = (file: string) => Deno.readFileSync(`${dir}/${file}`);
const weights = (file: string) => parseWeights(bytesOf(file), file).tensors;
const expected = (file: string): Record<string, Expected> =>
  JSON.parse(Deno.readTextFileSync(`${dir}/${file}.json`));
/** A number as the text that JavaScript has for it, from Python's. */
const normal = (text: string) => {
  if (/^(True|False)$/.test(text)) return text === "True" ? "1" : "0";
  return /^-?\d+$/.test(text) ? text : String(Number(text.replace("inf", "Infinity")));
};

function assertTensors(found: ReadonlyMap<string, FileTensor>, wanted: Record<string, Expected>): void {
  assert.deepEqual([...found.keys()].sort(), Object.keys(wanted).sort());
  for (const [name, { dtype, shape, data }] of Object.entries(wanted)) {
    const tensor = found.get(name)!;
    assert.equal(tensor.dtype, dtype, name);
    assert.deepEqual([...tensor.shape], shape, name);
    assert.deepEqual(Array.from(tensor.data as ArrayLike<number>, String), data.map(normal), name);
  }
}

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

describe("PyTorch's checkpoints", { ignore: lacksTorch }, () => {
  beforeAll(async () => {
    dir = await Deno.makeTempDir();
    await python(SCRIPT, dir);
  });
  afterAll(() => Deno.remove(dir, { recursive: true }));

  for (const form of ["zip", "stream"]) {
    describe(`in the form of a ${form}`, () => {
      it("holds every type, and tensors however they lie in shared storages", () => {
        assertTensors(weights(`tensors.${form}.pth`), expected("tensors"));
      });

      it("shares one piece of memory between tensors that share a storage", () => {
        const found = weights(`tensors.${form}.pth`);
        assert.equal(found.get("shared_a")!.data.buffer, found.get("shared_b")!.data.buffer);
      });

      it("is walked where it is a whole module", () => {
        assertTensors(weights(`module.${form}.pth`), expected("module"));
      });

      it("loses DataParallel's module, saved whole or as a state dict", () => {
        for (const file of ["parallel", "parallel_state"]) {
          const found = weights(`${file}.${form}.pth`);
          assert.ok([...found.keys()].every((name) => name.startsWith("module.")));
          assertTensors(plainNames(found), expected("module"));
        }
      });

      it("gives the state dict out of a dictionary with an optimiser", () => {
        assertTensors(weights(`wrapped.${form}.pth`), expected("module"));
      });

      it("gives several modules under their keys", () => {
        const names = [...plainNames(weights(`two.${form}.pth`)).keys()].sort();
        const wanted = [
          "0.weight",
          ...["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
            .map((name) => `1.${name}`),
        ].map((name) => `encoder.${name}`);
        const cell = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"].map((name) => `decoder.${name}`);
        assert.deepEqual(names, [...wanted, ...cell].sort());
      });

      it("keeps what would run a command inert", () => {
        const { root } = parsePth(bytesOf(`hostile.${form}.pth`), "hostile.pth");
        const trap = (root as Map<PickleValue, PickleValue>).get("trap");
        assert.ok(trap instanceof PickleRecord);
        assert.equal(trap.type.path, "posix.system");
        assert.deepEqual(trap.args, [`touch ${dir}/executed`]);
        assert.deepEqual([...weights(`hostile.${form}.pth`).keys()], ["weight"]);
        assert.ok(Deno.statSync(`${dir}/executed_by_pytorch`).isFile); // the trap is a real one
        assert.throws(() => Deno.statSync(`${dir}/executed`), Deno.errors.NotFound);
      });

      it("explains a file without tensors", () => {
        assert.throws(() => weights(`nothing.${form}.pth`), {
          name: "SyntaxError",
          message:
            `Cannot read nothing.${form}.pth: it holds no tensors, but a dictionary of 1 with the keys epoch`,
        });
      });

      it("is refused wherever it is cut off", () => {
        const whole = bytesOf(`half.${form}.pth`);
        for (let length = 0; length < whole.length; length += length < 600 ? 1 : 7) {
          assert.throws(() => parseWeights(whole.subarray(0, length), "cut.pth"), {
            name: "SyntaxError",
            message: /^Cannot read cut.pth: /,
          }, `${length} of ${whole.length} bytes`);
        }
      });

      it("never does worse than an error where a byte is wrong", () => {
        const whole = bytesOf(`half.${form}.pth`);
        let refused = 0;
        for (let at = 0; at < whole.length; at++) {
          const damaged = whole.slice();
          damaged[at] ^= 1 << at % 8;
          try {
            parseWeights(damaged, "damaged.pth");
          } catch (error) {
            refused++;
            assert.ok(
              error instanceof SyntaxError && error.message.startsWith("Cannot read damaged.pth: "),
              `${at}: ${error}`,
            );
          }
        }
        assert.ok(refused > 100, `${refused} refused`);
      });
    });
  }

  it("notices a damaged storage by its CRC-32", () => {
    const whole = bytesOf("half.zip.pth");
    const at = whole.findIndex((_, i) => whole[i] === 0 && whole[i + 1] === 0x3c && whole[i + 3] === 0xc1); // 1, -2.5
    whole[at] ^= 1;
    assert.throws(() => parseWeights(whole, "bad.pth"), {
      message: /"half.zip\/data\/0" is damaged \(its CRC-32/,
    });
  });

  it("are written as PyTorch's own careful reader takes them", async () => {
    const parts = serialisePth(new Map([["state", weights("tensors.zip.pth")]]));
    await Deno.writeFile(
      `${dir}/written.pth`,
      new Uint8Array(await new Blob(parts as BlobPart[]).arrayBuffer()),
    );
    assert.equal(await python(new URL("check_written.py", import.meta.url).pathname, dir), "equal\n");
    const names = [...weights("tensors.zip.pth").keys()].map((name) => `state.${name}`);
    const back = weights("written.pth"); // our reader too: views of the file, whose storages begin at multiples of 64
    assert.deepEqual([...back.keys()], names);
    assert.equal(back.get("state.f32")!.data.byteOffset % 64, 0);
  });

  it("are not written where PyTorch has no such type", () => {
    const tensor: FileTensor = { dtype: "U32", shape: [1], data: new Uint32Array(1) };
    assert.throws(() => serialisePth(new Map([["x", tensor]])), {
      message: /tensor of U32: PyTorch has no such type/,
    });
  });

  it("reads numpy's arrays from every protocol", () => {
    for (let protocol = 0; protocol < 6; protocol++) {
      const found = weights(`numpy${protocol}.pth`);
      const numbers = [...found].map((
        [name, { dtype, shape, data }],
      ) => [name, dtype, [...shape], [...data]]);
      assert.deepEqual(numbers, [
        ["f32", "F32", [2, 3], [0, 1, 2, 3, 4, 5]],
        ["fortran", "F64", [2, 3], [0, 1, 2, 3, 4, 5]],
        ["number", "F32", [], [1.5]],
        ["i64", "I64", [1], [1099511627776n]],
      ], `protocol ${protocol}`);
    }
  });

  it("reads Python's values from every protocol", () => {
    for (let protocol = 0; protocol < 6; protocol++) {
      const root = parsePickle(bytesOf(`plain${protocol}.pkl`), "plain.pkl");
      assert.ok(root instanceof Map);
      assert.equal(root.get("itself"), root);
      const complex = root.get("complex");
      assert.ok(complex instanceof PickleRecord && complex.name === "complex");
      assert.deepEqual(complex.args, [1, 2]);
      root.delete("itself");
      root.delete("complex");
      const { bytes, bytearray, ...values } = Object.fromEntries(root);
      assert.deepEqual([...bytes, ...bytearray], [0, 255, 39, 97, 98]);
      assert.deepEqual(values, {
        ...{ none: null, true: true, false: false, zero: 0, small: 200, medium: 60000, negative: -5 },
        ...{ int: 2147483647, long: 9007199254740993n, huge: -(10n ** 40n), float: 0.1, inf: Infinity },
        ...{ text: "a\nb 'c' \\ café 😀", "long text": "x".repeat(300) },
        ...{ list: [1, [2, []]], tuple: [], tuples: [[1], [1, 2], [1, 2, 3], [1, 2, 3, 4]] },
        ...{ set: new Set([1]), frozen: new Set(["a"]), ordered: new Map([["b", 1], ["a", 2]]) },
        ...{ counter: new Map([["a", 2], ["b", 1]]), default: new Map([["k", 1]]) },
      }, `protocol ${protocol}`);
    }
  });

  it("keeps an object of an unknown class as a record with its state", () => {
    for (let protocol = 0; protocol < 6; protocol++) {
      const root = parsePickle(bytesOf(`vocabulary${protocol}.pkl`), "vocabulary.pkl");
      assert.ok(root instanceof PickleRecord, `protocol ${protocol}`);
      assert.equal(root.type.path, "__main__.Vocabulary");
      const words = (root.state as Map<PickleValue, PickleValue>).get("word2idx");
      assert.deepEqual(words, new Map([["<pad>", 0], ["<start>", 1], ["café", 2], ["😀\n'\\", 3]]));
      assert.deepEqual(
        parseWordMap(bytesOf(`vocabulary${protocol}.pkl`), "v"),
        words,
        "read as a vocabulary",
      );
    }
  });

  it("reads a TorchScript archive's modules", () => {
    assertTensors(weights("script.pth"), expected("script"));
  });
});

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
