// This module runs in Deno only.
/** Many photos at once: which come, which do not and why, and what stops all. */
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { PictureError } from "../lib/image/picture_error.ts";
import { fetchPhotos, type Photo } from "../lib/deno/download_photos.ts";
import { CocoHost, fakeJpeg } from "./coco_host.ts";
import { folder, names, QUICK } from "./download_folder.ts";

/** How a download ends where writing to `full` finds no room: in a process that may write to devices. */
async function failureInFullFolder(
  photos: unknown,
  { dir, full }: { readonly dir: string; readonly full: string },
): Promise<{ name: string; message: string }> {
  const module = new URL("../lib/deno/download_photos.ts", import.meta.url).href;
  const code = `import { fetchPhotos } from ${JSON.stringify(module)};
    const [photos, dir, full, quick] = Deno.args;
    await Deno.symlink("/dev/full", full);
    const { name, message } = await fetchPhotos(JSON.parse(photos), dir, { ...JSON.parse(quick), concurrency: 1 })
      .catch((error) => error);
    console.log(JSON.stringify({ name, message }));`;
  const args = ["eval", code, JSON.stringify(photos), dir, full, JSON.stringify(QUICK)];
  const cwd = new URL("..", import.meta.url).pathname;
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd }).output();
  const [out, said] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.ok(out, said);
  return JSON.parse(out);
}

describe("fetchPhotos()", () => {
  const files = Object.fromEntries(
    Array.from({ length: 24 }, (_, i) => [`/val2014/${i}.jpg`, fakeJpeg(3_000 + 100 * i, i)]),
  );
  const photosOf = (host: CocoHost): Photo[] =>
    Object.keys(host.files).map((path) => {
      const fileName = path.slice("/val2014/".length);
      return { fileName, publishedName: fileName, folder: "val2014", url: host.url + path };
    });
  /** Asserts that a folder holds these photos, byte for byte, and nothing else. */
  const assertPhotos = (dir: string, expected: string[]) => {
    assert.deepEqual(names(dir), [...expected].sort());
    for (const name of expected) {
      assert.deepEqual(Deno.readFileSync(`${dir}/${name}`), files[`/val2014/${name}`], name);
    }
  };
  const ALL = Object.keys(files).map((path) => path.slice("/val2014/".length));

  it("brings photos byte for byte, a few at a time", async () => {
    await using host = new CocoHost(files);
    host.fault("*", { kind: "late", ms: 5 });
    const dir = folder();
    const seen: number[] = [];
    const result = await fetchPhotos(photosOf(host), dir, {
      ...QUICK,
      concurrency: 3,
      onPhoto: (done) => seen.push(done),
    });
    assertPhotos(dir, ALL);
    assert.equal(result.fetched, 24);
    assert.deepEqual(result.failed, []);
    assert.equal(host.mostAtOnce, 3);
    assert.deepEqual(seen, Array.from({ length: 24 }, (_, i) => i + 1));
  });

  it("names each photo that cannot be had, with the reason, and brings the others", async () => {
    await using host = new CocoHost(files);
    const faults = {
      "3.jpg": { kind: "status", status: 404 },
      "4.jpg": { kind: "html" },
      "5.jpg": { kind: "bytes", bytes: files["/val2014/5.jpg"].slice(0, 2_000) }, // its end is missing
      "6.jpg": {
        kind: "bytes",
        bytes: new TextEncoder().encode("<html><body>Please log in first</body></html>"),
      },
      "7.jpg": { kind: "status", status: 500 },
      "8.jpg": { kind: "bytes", bytes: new Uint8Array(0) },
      "9.jpg": { kind: "wrongLength" },
    } as const;
    for (const [name, fault] of Object.entries(faults)) host.fault(`/val2014/${name}`, fault);
    // These heal by themselves.
    host.fault("/val2014/10.jpg", { kind: "cut", after: 1_000 }, 2);
    host.fault("/val2014/11.jpg", { kind: "status", status: 503, retryAfter: "0" }, 1);
    host.fault("/val2014/12.jpg", { kind: "noLength" }, 1);
    const dir = folder();
    const { failed, fetched } = await fetchPhotos(photosOf(host), dir, QUICK);
    assertPhotos(dir, ALL.filter((name) => !(name in faults) || name === "9.jpg"));
    assert.equal(fetched, 18);
    assert.deepEqual(Object.fromEntries(failed.map(({ file, reason }) => [file, reason])), {
      "3.jpg": "the server answered 404 Not Found",
      "4.jpg": "the server sent text/html in its place",
      "5.jpg": "its end is missing",
      "6.jpg": "it is an HTML page, it must be a JPEG, PNG or GIF picture",
      "7.jpg": "the server answered 500 Internal Server Error, 5 times",
      "8.jpg": "it is empty, save or download it again",
    });
    assert.equal(failed[0].url?.startsWith(`${host.url}/val2014/`), true);
  });

  it("makes all connections wait when the server asks one of them to", async () => {
    await using host = new CocoHost(files);
    host.fault("*", { kind: "status", status: 429, retryAfter: "1" }, 1);
    const start = performance.now();
    const arrivals: number[] = [];
    const dir = folder();
    await fetchPhotos(photosOf(host), dir, {
      ...QUICK,
      concurrency: 2,
      onPhoto: () => arrivals.push(performance.now()),
    });
    assertPhotos(dir, ALL);
    // A few photos may come on the other connection before the first one hears of it; then nobody asks.
    assert.ok(arrivals.filter((time) => time - start < 950).length <= 4, "photos came during the pause");
  });

  it("gives up on a host that answers nothing but errors", async () => {
    await using host = new CocoHost(files);
    host.fault("*", { kind: "status", status: 503 });
    const { failed, gaveUp } = await fetchPhotos(photosOf(host), folder(), {
      ...QUICK,
      concurrency: 2,
      attempts: 1,
    });
    assert.match(gaveUp ?? "", /503/);
    assert.equal(failed.length, 24);
    assert.ok(host.requests.length < 20, `${host.requests.length} requests`);
  });

  it("does not give up on one that lacks many photos", async () => {
    await using host = new CocoHost(files);
    const present = photosOf(host);
    const absent = present.map((photo, i) => ({
      ...photo,
      fileName: `absent${i}.jpg`,
      url: `${host.url}/absent${i}.jpg`,
    }));
    const dir = folder();
    const { failed, gaveUp } = await fetchPhotos([...absent, ...present], dir, QUICK);
    assert.deepEqual([failed.length, gaveUp], [24, undefined]);
    assertPhotos(dir, ALL);
  });

  it("stops where a photo cannot be written, says why, and leaves no part of it", {
    ignore: Deno.build.os !== "linux", // elsewhere there is no file that is always full
  }, async () => {
    await using host = new CocoHost(files);
    const dir = folder();
    await Deno.mkdir(dir, { recursive: true });
    const { name, message } = await failureInFullFolder(photosOf(host), { dir, full: `${dir}/3.jpg.tmp` });
    assert.equal(name, "DiskError");
    assert.match(
      message,
      /^Cannot write \S+3\.jpg: the disk is full .*; mend that, and the same command goes on from here$/,
    );
    assert.deepEqual(names(dir), ["0.jpg", "1.jpg", "2.jpg"]);
    assert.equal(host.requests.length, 4);
    await fetchPhotos(photosOf(host).slice(3), dir, QUICK);
    assertPhotos(dir, ALL);
  });

  it("stops all connections where one finds that it cannot write", async () => {
    await using host = new CocoHost(files);
    host.fault("*", { kind: "late", ms: 5 });
    const dir = folder();
    await Deno.mkdir(`${dir}/3.jpg/in the way`, { recursive: true });
    await assert.rejects(fetchPhotos(photosOf(host), dir, { ...QUICK, concurrency: 4 }), {
      name: "DiskError",
      message: /^Cannot write \S+\/3\.jpg: /,
    });
    assert.ok(host.requests.length < 12, `${host.requests.length} photos were asked for`);
    assert.deepEqual(names(dir).filter((name) => name.endsWith(".tmp")), []);
  });

  it("keeps nothing that the decoder refuses", async () => {
    await using host = new CocoHost(files);
    const dir = folder();
    const decode = (path: string) =>
      path.includes("/2")
        ? Promise.reject(new PictureError(`decode ${path}`, "corrupt", "bad Huffman code"))
        : Promise.resolve();
    const { failed } = await fetchPhotos(photosOf(host), dir, { ...QUICK, decode });
    assertPhotos(dir, ALL.filter((name) => !name.startsWith("2")));
    assert.ok(failed.every(({ reason }) => reason === "bad Huffman code"));
  });

  it("stops at once when it is ended, with nothing half-written under a final name", async () => {
    await using host = new CocoHost(files);
    host.fault("*", { kind: "drip", bytes: 500, everyMs: 5 });
    const stop = new AbortController();
    const dir = folder();
    const reason = new Error("ended by the user");
    const onPhoto = (done: number) => done === 5 && stop.abort(reason);
    await assert.rejects(
      fetchPhotos(photosOf(host), dir, { ...QUICK, signal: stop.signal, onPhoto }),
      reason,
    );
    const whole = names(dir).filter((name) => !name.endsWith(".tmp"));
    assert.ok(whole.length >= 5 && whole.length < 24, String(whole.length));
    for (const name of whole) {
      assert.deepEqual(Deno.readFileSync(`${dir}/${name}`), files[`/val2014/${name}`]);
    }
  });
});
