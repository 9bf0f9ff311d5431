// This module runs in Deno only.
/** Checkpoints that real PyTorch wrote, read without it. */
import assert from "node:assert/strict";
import { afterAll, beforeAll, describe, it } from "@std/testing/bdd";
import { parsePickle } from "../lib/data/pickle.ts";
import { PickleRecord, type PickleValue } from "../lib/data/pickle_values.ts";
import { parsePth } from "../lib/data/pth.ts";
import { serialisePth } from "../lib/data/pth_writer.ts";
import { type FileTensor } from "../lib/data/safetensors.ts";
import { plainNames } from "../lib/data/torch_names.ts";
import { parseWeights } from "../lib/data/torch_state.ts";
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
