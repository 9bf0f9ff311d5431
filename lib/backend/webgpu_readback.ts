// This module is browser compatible.
/** Reading GPU memory without stopping: copies are recorded at once, mapped together later. */

import type { PooledBuffer } from "./webgpu_pool.ts";
import type { Recorder } from "./webgpu_recorder.ts";

const IDLE_CAP_BYTES = 64 << 20;

/** Buffers that the host can map, reused by powers of two. */
export class Readback {
  /** Bytes of all its buffers. */
  reservedBytes = 0;
  readonly #device: GPUDevice;
  readonly #recorder: Recorder;
  readonly #idle = new Map<number, GPUBuffer[]>();
  #idleBytes = 0;
  #flushing: Promise<void> | undefined;
  #mapping: Promise<void> | undefined;

  constructor(device: GPUDevice, recorder: Recorder) {
    this.#device = device;
    this.#recorder = recorder;
  }

  /**
   * The first `bytes` of `from` as they are when everything recorded so far has run.
   *
   * The copy is recorded now. It is submitted when the calling task pauses, and mapped one turn of the event
   * loop later: a mapping stops Deno's thread until the queue is empty and takes 11 ms, but many cost no more
   * than one.
   */
  async read(from: PooledBuffer, bytes: number): Promise<ArrayBuffer> {
    const size = Math.max(256, 2 ** Math.ceil(Math.log2(bytes)));
    const buffer = this.#take(size);
    this.#recorder.copy(from, buffer, bytes);
    this.#flushing ??= Promise.resolve().then(() => {
      this.#flushing = undefined;
      this.#recorder.submit();
    });
    await this.#flushing;
    this.#mapping ??= new Promise((resolve) => {
      setTimeout(() => {
        this.#mapping = undefined;
        resolve();
      });
    });
    await this.#mapping;
    try {
      await buffer.mapAsync(GPUMapMode.READ, 0, bytes);
      const data = buffer.getMappedRange(0, bytes).slice(0);
      buffer.unmap();
      this.#give(buffer);
      return data;
    } catch (error) {
      this.#destroy(buffer);
      throw error;
    }
  }

  #take(size: number): GPUBuffer {
    const buffer = this.#idle.get(size)?.pop();
    if (buffer) {
      this.#idleBytes -= size;
      return buffer;
    }
    this.reservedBytes += size;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#device.createBuffer({ label: "readback", size, usage });
  }

  #give(buffer: GPUBuffer): void {
    if (this.#idleBytes + buffer.size > IDLE_CAP_BYTES) return this.#destroy(buffer);
    this.#idleBytes += buffer.size;
    const idle = this.#idle.get(buffer.size);
    if (idle) idle.push(buffer);
    else this.#idle.set(buffer.size, [buffer]);
  }

  #destroy(buffer: GPUBuffer): void {
    this.reservedBytes -= buffer.size;
    buffer.destroy();
  }
}
