// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { ensureWritable, writeFileAtomic } from "../lib/deno/write_file.ts";

describe("writeFileAtomic()", () => {
  const dir = Deno.makeTempDirSync({ prefix: "showtell-write-" });
  globalThis.addEventListener("unload", () => Deno.removeSync(dir, { recursive: true }));
  const read = (path: string) => Deno.readTextFileSync(path);

  it("writes text, bytes and parts, makes the folder, and leaves nothing beside", async () => {
    await writeFileAtomic(`${dir}/new/a.txt`, "text");
    await writeFileAtomic(`${dir}/new/b.txt`, new TextEncoder().encode("bytes"));
    await writeFileAtomic(`${dir}/new/c.txt`, ["pa", "rts"].map((part) => new TextEncoder().encode(part)));
    assert.deepEqual(["a", "b", "c"].map((name) => read(`${dir}/new/${name}.txt`)), [
      "text",
      "bytes",
      "parts",
    ]);
    assert.deepEqual([...Deno.readDirSync(`${dir}/new`)].length, 3);
  });

  it("leaves the old file when writing fails, and nothing beside it", async () => {
    await writeFileAtomic(`${dir}/old/a.txt`, "old");
    const parts = function* () {
      yield new Uint8Array(10);
      throw new Error("the disk is on fire");
    };
    const message = /^Error: Cannot write .*old\/a\.txt in the folder .*old: the disk is on fire/;
    await assert.rejects(writeFileAtomic(`${dir}/old/a.txt`, parts()), message);
    assert.equal(read(`${dir}/old/a.txt`), "old");
    assert.deepEqual([...Deno.readDirSync(`${dir}/old`)].length, 1);
  });

  it("keeps nothing that a check refuses, whose own error it throws", async () => {
    await writeFileAtomic(`${dir}/checked/a.txt`, "old");
    const seen: string[] = [];
    const check = (path: string) => {
      seen.push(read(path));
      return Promise.reject(new RangeError("too new"));
    };
    await assert.rejects(writeFileAtomic(`${dir}/checked/a.txt`, "new", { check }), /^RangeError: too new$/);
    assert.deepEqual(seen, ["new"], "it is whole when it is checked");
    assert.equal(read(`${dir}/checked/a.txt`), "old");
    assert.deepEqual([...Deno.readDirSync(`${dir}/checked`)].length, 1);
  });

  it("waits for the disk, for the file and for its name, but not where it need not last", async () => {
    const { sync } = Deno.FsFile.prototype;
    let syncs = 0;
    Deno.FsFile.prototype.sync = function () {
      syncs++;
      return sync.call(this);
    };
    try {
      await writeFileAtomic(`${dir}/synced/a.txt`, "a");
      assert.equal(syncs, Deno.build.os === "windows" ? 1 : 2);
      await writeFileAtomic(`${dir}/synced/b.txt`, "b", { durable: false });
      assert.equal(syncs, Deno.build.os === "windows" ? 1 : 2);
    } finally {
      Deno.FsFile.prototype.sync = sync;
    }
  });

  it("explains a folder that is a file", async () => {
    Deno.writeTextFileSync(`${dir}/file`, "");
    await assert.rejects(
      writeFileAtomic(`${dir}/file/a.txt`, "x"),
      /Cannot write .*file\/a\.txt in the folder .*file: /,
    );
    await assert.rejects(ensureWritable(`${dir}/file`), /^Error: Cannot write into the folder .*file: /);
  });

  it("makes sure of a folder and leaves no trace in it", async () => {
    await ensureWritable(`${dir}/probe/deep`);
    assert.deepEqual([...Deno.readDirSync(`${dir}/probe/deep`)], []);
  });

  it("takes a backslash for what it is to the system", { ignore: Deno.build.os === "windows" }, async () => {
    await writeFileAtomic(`${dir}/odd/a\\b.txt`, "x");
    assert.deepEqual([...Deno.readDirSync(`${dir}/odd`)].map(({ name }) => name), ["a\\b.txt"]);
  });
});
