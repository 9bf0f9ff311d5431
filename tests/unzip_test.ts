// This module runs in Deno only.
import { Buffer } from "node:buffer";
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { unzip, type UnzipOptions } from "../lib/deno/unzip.ts";
import { Random } from "../lib/random.ts";
import { type ZipEntry, zipOf } from "./zip_of.ts";

const root = Deno.makeTempDirSync({ prefix: "showtell-unzip-" });
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
let archives = 0;

/** Text of random letters: deflate makes it smaller by a third, no more. */
function text(bytes: number): Uint8Array {
  const random = new Random(bytes);
  return Uint8Array.from({ length: bytes }, () => 97 + random.integer(23));
}

const SMALL = text(5_000);
const LARGE = text(6_000_000); // streamed: not held in one piece

/** Writes an archive, unpacks it into a folder of its own, and returns the files there by name. */
async function unpack(archive: Uint8Array | ZipEntry[], options: UnzipOptions = {}) {
  const path = `${root}/${archives++}.zip`;
  const into = `${path}-files`;
  Deno.mkdirSync(into);
  Deno.writeFileSync(path, Array.isArray(archive) ? zipOf(archive) : archive);
  try {
    const result = await unzip(path, into, options);
    return { ...result, into, files: list(into), error: undefined };
  } catch (error) {
    return { into, files: list(into), error: error as Error };
  }
}

/** Files below a folder by their paths in it. */
function list(dir: string, prefix = ""): Record<string, Uint8Array> {
  const files: Record<string, Uint8Array> = {};
  for (const { name, isDirectory } of Deno.readDirSync(dir)) {
    if (isDirectory) Object.assign(files, list(`${dir}/${name}`, `${prefix}${name}/`));
    else files[prefix + name] = Deno.readFileSync(`${dir}/${name}`);
  }
  return files;
}

/** Asserts that unpacking fails with a message, and that nothing was written. */
async function assertRefused(archive: Uint8Array | ZipEntry[], message: RegExp): Promise<void> {
  const { error, files } = await unpack(archive);
  assert.match(error?.message ?? "no error", message);
  assert.match(error!.message, /^Cannot (unpack|read) .*\.zip: /);
  assert.deepEqual(Object.keys(files), []);
}

describe("unzip()", () => {
  it("unpacks stored and deflated files, small and large, byte for byte", async () => {
    const entries = [
      { name: "a/stored.txt", data: SMALL },
      { name: "a/deflated.txt", data: SMALL, deflate: true },
      { name: "a/empty.txt", data: new Uint8Array(0), deflate: true },
      { name: "größe.txt", data: LARGE, deflate: true },
      { name: "b/", data: new Uint8Array(0) }, // a folder
      { name: "large.txt", data: LARGE },
    ];
    const done: number[] = [];
    const result = await unpack(entries, { onProgress: (bytes, total) => done.push(bytes / total) });
    assert.equal(result.error, undefined);
    const expected = entries.filter(({ name }) => name !== "b/").map(({ name, data }) =>
      [name, data] as const
    );
    assert.deepEqual(Object.keys(result.files).sort(), expected.map(([name]) => name).sort());
    for (const [name, data] of expected) assert.ok(Buffer.from(result.files[name]).equals(data), name);
    assert.equal(done.at(-1), 1);
  });

  it("unpacks what is selected, under other names", async () => {
    const entries = ["val/a.jpg", "val/b.jpg", "__MACOSX/a.jpg"].map((name) => ({ name, data: SMALL }));
    const { files } = await unpack(entries, {
      select: (name) => name === "val/b.jpg" ? "img/c.jpg" : undefined,
    });
    assert.deepEqual(Object.keys(files), ["img/c.jpg"]);
  });

  it("leaves files that are there with the right size, and replaces others", async () => {
    const { into } = await unpack([{ name: "a.txt", data: SMALL }, { name: "b.txt", data: SMALL }]);
    Deno.writeFileSync(`${into}/a.txt`, SMALL.subarray(0, 100));
    const { mtime } = Deno.statSync(`${into}/b.txt`);
    const path = `${root}/again.zip`;
    Deno.writeFileSync(path, zipOf([{ name: "a.txt", data: SMALL }, { name: "b.txt", data: SMALL }]));
    await unzip(path, into);
    assert.deepEqual(list(into), { "a.txt": SMALL, "b.txt": SMALL });
    assert.deepEqual(Deno.statSync(`${into}/b.txt`).mtime, mtime);
  });

  it("notices a flipped bit, whatever the packing, and leaves nothing of that file", async () => {
    for (const [data, deflate] of [[SMALL, false], [SMALL, true], [LARGE, false], [LARGE, true]] as const) {
      const archive = zipOf([{ name: "good.txt", data: SMALL }, { name: "bad.txt", data, deflate }]);
      archive[30 + "good.txt".length + SMALL.length + 30 + "bad.txt".length + 2_000] ^= 1;
      const { error, files } = await unpack(archive);
      assert.match(error?.message ?? "", /"bad\.txt" is damaged \(.*\), download the archive again/);
      assert.deepEqual(Object.keys(files), ["good.txt"]);
    }
  });

  it("goes on behind a damaged file when told to", async () => {
    const archive = zipOf([{ name: "bad.txt", data: SMALL }, { name: "good.txt", data: SMALL }]);
    archive[100] ^= 1;
    const damaged: string[] = [];
    const { files } = await unpack(archive, { onDamaged: (path) => damaged.push(path.split("/").at(-1)!) });
    assert.deepEqual([Object.keys(files), damaged], [["good.txt"], ["bad.txt"]]);
  });

  it("refuses a truncated archive", async () => {
    const archive = zipOf([{ name: "a.txt", data: SMALL }]);
    for (const length of [0, 10, 3_000, archive.length - 1]) {
      await assertRefused(
        archive.subarray(0, length),
        /it is no whole zip archive .*, delete it and download it again/,
      );
    }
  });

  it("refuses what is no archive", async () => {
    await assertRefused(
      new TextEncoder().encode("<!DOCTYPE html><title>Log in</title>"),
      /it is no whole zip archive/,
    );
  });

  it("refuses names that lead out of the folder, before anything is written", async () => {
    for (
      const name of [
        "../evil.txt",
        "a/../../evil.txt",
        "/etc/evil",
        "C:/evil.txt",
        "..\\evil.txt",
        "a\\evil.txt",
      ]
    ) {
      await assertRefused([{ name: "good.txt", data: SMALL }, { name, data: SMALL }], /evil/);
      const outside = names(root).filter((found) => found.includes("evil"));
      assert.deepEqual(outside, []);
    }
    // Neither may a selection lead out of it.
    const { error } = await unpack([{ name: "a.txt", data: SMALL }], { select: () => "../evil.txt" });
    assert.match(error?.message ?? "", /holds "\.\."/);
  });

  it("refuses two files of one name", async () => {
    await assertRefused([{ name: "a.txt", data: SMALL }, { name: "a.txt", data: LARGE }], /two files for/);
  });

  it("stops a bomb that declares less than it holds, small and large", async () => {
    const zeros = new Uint8Array(50_000_000);
    for (const claimedBytes of [1_000, 10_000_000]) {
      const { error, files } = await unpack([{ name: "bomb.txt", data: zeros, deflate: true, claimedBytes }]);
      assert.match(
        error?.message ?? "",
        /"bomb\.txt" is damaged \((it has more than the declared|Invalid uncompressed)/,
      );
      assert.deepEqual(Object.keys(files), []);
    }
  });

  it("refuses sizes that no packing can reach", async () => {
    const entry = { name: "bomb.txt", data: SMALL, deflate: true, claimedBytes: 2_000_000_000 };
    await assertRefused([entry], /claims 2000000000 bytes out of \d+: no packing can do that, it is a bomb/);
    await assertRefused(
      [{ name: "bomb.txt", data: SMALL, claimedBytes: 9_000 }],
      /claims 9000 bytes out of 5000/,
    );
  });

  it("notices files shorter than declared", async () => {
    for (const [data, claimedBytes] of [[SMALL, 9_000], [LARGE, 6_100_000]] as const) {
      const { error, files } = await unpack([{ name: "a.txt", data, deflate: true, claimedBytes }]);
      assert.match(error?.message ?? "", /"a\.txt" is damaged/);
      assert.deepEqual(Object.keys(files), []);
    }
  });

  it("refuses entries that overlap", async () => {
    const bomb = [0, 1, 2].map((i) => ({ name: `${i}.txt`, data: LARGE, deflate: true, overlaps: i > 0 }));
    await assertRefused(bomb, /its entries overlap/);
  });

  it("stops when it is ended", async () => {
    const stop = new AbortController();
    const entries = Array.from({ length: 20 }, (_, i) => ({ name: `${i}.txt`, data: SMALL }));
    const onProgress = (done: number) =>
      done >= 3 * SMALL.length && stop.abort(new Error("ended by the user"));
    const { error, files } = await unpack(entries, { signal: stop.signal, onProgress });
    assert.equal(error?.message, "ended by the user");
    assert.deepEqual(Object.keys(files).sort(), ["0.txt", "1.txt", "2.txt"]);
  });
});

function names(dir: string): string[] {
  return [...Deno.readDirSync(dir)].map(({ name }) => name);
}
