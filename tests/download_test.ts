// This module runs in Deno only.
import assert from "node:assert/strict";
import { describe, it } from "@std/testing/bdd";
import { DownloadError, networkError, retryAfter } from "../lib/deno/download_error.ts";
import { downloadBytes, downloadFile, type DownloadFileOptions } from "../lib/deno/download_file.ts";
import { CocoHost, fakeJpeg, sha256 } from "./coco_host.ts";
import { folder, names, QUICK } from "./download_folder.ts";

const ARCHIVE = fakeJpeg(300_000, 1);
// any bytes would do
const PATH = "/annotations/a.zip";

/** Downloads `PATH` from a host with faults, and returns where it went. */
async function download(host: CocoHost, options: DownloadFileOptions = {}, dir = folder()) {
  const path = `${dir}/a.zip`;
  const result = await downloadFile(host.url + PATH, path, { ...QUICK, ...options });
  return { ...result, path, dir };
}

/** Asserts that the file is there byte for byte, and nothing beside it. */
function assertWhole({ path, dir }: { path: string; dir: string }, expected = ARCHIVE): void {
  assert.deepEqual(names(dir), ["a.zip"]);
  assert.deepEqual(Deno.readFileSync(path), expected);
}

describe("downloadFile()", () => {
  it("brings a file byte for byte and names itself to the host", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    assertWhole(await download(host, { sizeBytes: ARCHIVE.length, sha256: await sha256(ARCHIVE) }));
    assert.match(host.requests[0].userAgent ?? "", /^Showtell\/\d/);
  });

  it("goes on where the connection was cut", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "cut", after: 120_000 }, 2);
    const got = await download(host);
    assertWhole(got);
    assert.equal(got.retries, 2);
    assert.deepEqual(host.requests.map(({ range }) => range), [null, "bytes=120000-", "bytes=240000-"]);
    assert.equal(host.requests[1].ifRange, `"${await sha256(ARCHIVE)}"`);
  });

  it("goes on as often as the connection is cut, where every try brings a megabyte", async () => {
    const large = fakeJpeg(7 << 20, 1);
    await using host = new CocoHost({ [PATH]: large });
    host.fault(PATH, { kind: "cut", after: 1 << 20 });
    const got = await download(host, { attempts: 2 });
    assertWhole(got, large);
    assert.equal(got.retries, 6);
  });

  it("goes on with the part that an ended run left", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "cut", after: 100_000 });
    const dir = folder();
    await assert.rejects(
      download(host, { attempts: 1 }, dir),
      /^DownloadError: Cannot download .*the connection was cut/,
    );
    assert.deepEqual(names(dir), ["a.zip.etag.part", "a.zip.part"]);
    host.heal();
    const got = await download(host, {}, dir);
    assertWhole(got);
    assert.deepEqual([got.resumedFrom, got.receivedBytes], [100_000, 200_000]);
  });

  it("starts again when the file has changed meanwhile", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    host.fault(PATH, { kind: "cut", after: 100_000 });
    await assert.rejects(download(host, { attempts: 1 }, dir));
    host.heal();
    host.files[PATH] = fakeJpeg(250_000, 2);
    assertWhole(await download(host, {}, dir), host.files[PATH]);
    assert.equal(host.requests[1].range, "bytes=100000-");
  });

  it("starts again from a server that ignores Range", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "cut", after: 100_000 }, 1).fault(PATH, { kind: "ignoreRange" });
    assertWhole(await download(host));
  });

  it("starts again where the server names no version, unless a hash is known", async () => {
    for (const hash of [undefined, await sha256(ARCHIVE)]) {
      await using host = new CocoHost({ [PATH]: ARCHIVE });
      const dir = folder();
      Deno.mkdirSync(dir);
      Deno.writeFileSync(`${dir}/a.zip.part`, ARCHIVE.subarray(0, 90_000));
      host.fault(PATH, { kind: "noValidator" });
      assertWhole(await download(host, { sha256: hash }, dir));
      assert.deepEqual(host.requests.map(({ range }) => range), [hash ? "bytes=90000-" : null]);
    }
  });

  it("does not join two answers of which neither names its version", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "cut", after: 100_000, noValidator: true }, 1).fault(PATH, {
      kind: "noValidator",
    });
    const { bytes } = await downloadBytes(host.url + PATH, QUICK);
    assert.deepEqual(bytes, ARCHIVE);
    assert.deepEqual(host.requests.map(({ range }) => range), [null, null]);
  });

  it("finishes when all was there but the name (416)", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    Deno.mkdirSync(dir);
    Deno.writeFileSync(`${dir}/a.zip.part`, ARCHIVE);
    assertWhole(await download(host, { sha256: await sha256(ARCHIVE) }, dir));
    assert.equal(host.requests.length, 1);
  });

  it("starts again when the part is longer than the file (416)", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    Deno.mkdirSync(dir);
    Deno.writeFileSync(`${dir}/a.zip.part`, fakeJpeg(400_000, 3));
    assertWhole(await download(host, { sha256: await sha256(ARCHIVE) }, dir));
    assert.deepEqual(host.requests.map(({ range }) => range), ["bytes=400000-", null]);
  });

  it("throws away a damaged part and fetches the file once more", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    Deno.mkdirSync(dir);
    Deno.writeFileSync(`${dir}/a.zip.part`, fakeJpeg(100_000, 4));
    assertWhole(await download(host, { sha256: await sha256(ARCHIVE) }, dir));
    assert.deepEqual(host.requests.map(({ range }) => range), ["bytes=100000-", null]);
  });

  it("tries again after 500, 429 and 503", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    for (const status of [500, 429, 503]) host.fault(PATH, { kind: "status", status }, 1);
    const got = await download(host);
    assertWhole(got);
    assert.equal(got.retries, 3);
  });

  it("waits as long as Retry-After says", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "status", status: 503, retryAfter: "1" }, 1);
    const start = performance.now();
    assertWhole(await download(host));
    assert.ok(performance.now() - start >= 990, `${performance.now() - start} ms`);
  });

  it("does not wait for an hour", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "status", status: 503, retryAfter: "3600" });
    await assert.rejects(download(host), /503 Service Unavailable and asks to come back in 60 minutes/);
  });

  it("gives up after five tries without progress", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "status", status: 500 });
    await assert.rejects(download(host), /500 Internal Server Error, 5 times/);
    assert.equal(host.requests.length, 5);
  });

  it("does not try again after 404, and leaves nothing under the final name", async () => {
    await using host = new CocoHost({});
    const dir = folder();
    await assert.rejects(
      download(host, {}, dir),
      (error) =>
        error instanceof DownloadError && !error.retry &&
        /a\.zip: the server answered 404 Not Found/.test(error.message),
    );
    assert.equal(host.requests.length, 1);
    assert.deepEqual(names(dir), []);
  });

  it("notices a body shorter than announced", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "wrongLength" }, 1);
    const got = await download(host);
    assertWhole(got);
    assert.equal(got.retries, 1);
  });

  it("refuses a file of another size than published before it is transferred", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    await assert.rejects(download(host, { sizeBytes: 300_001 }, dir), /it has 300000 bytes, not 300001/);
    assert.deepEqual(names(dir), []);
  });

  it("refuses a body that grows beyond the published size", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "noLength" });
    const dir = folder();
    await assert.rejects(download(host, { sizeBytes: 100_000 }, dir), /bytes, not 100000/);
    assert.deepEqual(names(dir), []);
  });

  it("refuses a wrong hash and removes what it got", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    const dir = folder();
    await assert.rejects(
      download(host, { sha256: "0".repeat(64) }, dir),
      /its SHA-256 is [0-9a-f]{64}, not 0{64}/,
    );
    await assert.rejects(download(host, { md5: "0".repeat(32) }, dir), /its MD5 is/);
    assert.deepEqual(names(dir), []);
  });

  it("is patient with a slow drip", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "drip", bytes: 15_000, everyMs: 60 });
    const got = await download(host, { stallMs: 1_000 }); // 20 pieces: 1.2 s in all, each well within the limit
    assertWhole(got);
    assert.equal(got.retries, 0);
  });

  it("leaves a connection on which nothing comes, and goes on", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "stall", after: 130_000 }, 1).fault(PATH, { kind: "late", ms: 60_000 }, 1);
    const got = await download(host, { stallMs: 400 });
    assertWhole(got);
    assert.deepEqual(host.requests.map(({ range }) => range), [null, "bytes=130000-", "bytes=130000-"]);
  });

  it("follows a redirect, with its range", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE, "/elsewhere.zip": ARCHIVE });
    host.fault(PATH, { kind: "redirect", to: "/elsewhere.zip" });
    host.fault("/elsewhere.zip", { kind: "cut", after: 100_000 }, 1);
    assertWhole(await download(host));
    assert.deepEqual(host.requests.map(({ range }) => range), [null, null, "bytes=100000-", "bytes=100000-"]);
  });

  it("refuses a web page in place of the file", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "html" });
    const dir = folder();
    await assert.rejects(download(host, {}, dir), /the server sent text\/html in its place/);
    assert.deepEqual(names(dir), []);
  });

  it("leaves only .part files when it is ended, and goes on from them", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "drip", bytes: 30_000, everyMs: 5 }, 1);
    const stop = new AbortController();
    const dir = folder();
    const reason = new Error("ended by the user");
    const onBytes = (bytes: number) => bytes >= 90_000 && stop.abort(reason);
    await assert.rejects(download(host, { signal: stop.signal, onBytes }, dir), reason);
    assert.deepEqual(names(dir), ["a.zip.etag.part", "a.zip.part"]);
    const got = await download(host, {}, dir);
    assertWhole(got);
    assert.ok(got.resumedFrom >= 90_000 && got.resumedFrom < 300_000, String(got.resumedFrom));
  });

  it("refuses to write the part that another download writes", async () => {
    await using host = new CocoHost({ [PATH]: ARCHIVE });
    host.fault(PATH, { kind: "late", ms: 300 }, 1);
    const dir = folder();
    const first = download(host, {}, dir);
    await host.nextRequest();
    await assert.rejects(download(host, {}, dir), /another process is downloading it/);
    assertWhole(await first);
  });

  it("says which host cannot be reached", async () => {
    const gone = new CocoHost({});
    const { url } = gone;
    await gone[Symbol.asyncDispose]();
    await assert.rejects(
      downloadBytes(`${url}/a.jpg`, { ...QUICK, attempts: 2 }),
      /^DownloadError: the server cannot be reached \([^:]*: Connection refused.*\), 2 times$/,
    );
  });

  it("does not try again where the server is not who it should be", async () => {
    await using host = new CocoHost({}); // speaks no TLS
    const untrusted = new TypeError("fetch failed", {
      cause: new Error("client error (Connect): invalid peer certificate: UnknownIssuer"),
    });
    assert.equal(networkError(untrusted).retry, false);
    await assert.rejects(
      downloadBytes(`${host.url.replace("http:", "https:")}/a.jpg`, { ...QUICK, attempts: 1 }),
      /the server cannot be reached \(received corrupt message/,
    );
  });
});

describe("retryAfter()", () => {
  it("reads seconds and dates", () => {
    const now = Date.parse("Wed, 21 Oct 2015 07:28:00 GMT");
    assert.equal(retryAfter("120", now), 120_000);
    assert.equal(retryAfter("Wed, 21 Oct 2015 07:28:30 GMT", now), 30_000);
    assert.equal(retryAfter("Wed, 21 Oct 2015 07:00:00 GMT", now), 0);
    assert.equal(retryAfter("soon", now), undefined);
    assert.equal(retryAfter(null, now), undefined);
  });
});
