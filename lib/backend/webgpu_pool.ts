// This module is browser compatible.
/** GPU buffers, reused by exact size. */

import type { BoundGroup } from "./webgpu_groups.ts";
import { Texels } from "./webgpu_texels.ts";

/** What a buffer's uses are counted by: the submission being recorded. */
export interface Submissions {
  /** Grows by one at every submit. */
  readonly current: number;
}

/** One GPU buffer that storages borrow in turn. */
export class PooledBuffer {
  /** The submission that last recorded a use. Until it is submitted the buffer may not be destroyed. */
  usedIn = -1;
  /** Bind groups that hold the buffer and must be forgotten with it. */
  readonly boundIn = new Set<BoundGroup>();
  /** The same numbers as a texture, once a kernel has read them so. */
  texels: Texels | undefined;

  /** Bytes of the buffer and of its texels. */
  get heldBytes(): number {
    return this.texels ? 2 * this.bytes : this.bytes;
  }

  /**
   * @param gpu The buffer itself.
   * @param bytes Its size.
   * @param id Names it in cache keys; never given twice.
   */
  constructor(readonly gpu: GPUBuffer, readonly bytes: number, readonly id: number) {}
}

/** Hands out buffers of exact sizes and keeps what is given back, up to a cap. */
export class BufferPool {
  /** Bytes of all buffers, lent or idle. */
  reservedBytes = 0;
  #idle = new Map<number, PooledBuffer[]>(); // by size, in the order of their last use; each from high id to low
  #idleBytes = 0;
  #doomed: PooledBuffer[] = []; // destroyed once what was recorded on them is submitted
  #nextId = 1;

  /**
   * @param device Where buffers are made.
   * @param capBytes Idle bytes kept, texels included; beyond it the size that lay idle longest is destroyed.
   */
  constructor(
    readonly device: GPUDevice,
    readonly submissions: Submissions,
    readonly capBytes: number,
    readonly usage: number,
  ) {}

  /**
   * A buffer of exactly `bytes`, whatever it held before: the idle one that was made first. A loop that takes and
   * gives in the same order in every turn so gets the same buffers in every turn, and finds its bind groups again.
   */
  take(bytes: number): PooledBuffer {
    const sized = this.#idle.get(bytes);
    const idle = sized?.pop();
    if (idle) {
      if (sized!.length === 0) this.#idle.delete(bytes);
      this.#idleBytes -= idle.heldBytes;
      return idle;
    }
    this.reservedBytes += bytes;
    const gpu = this.device.createBuffer({ label: `${bytes} bytes`, size: bytes, usage: this.usage });
    return new PooledBuffer(gpu, bytes, this.#nextId++);
  }

  /** Takes a buffer back. Work recorded on it still runs: later users come after it in the same queue. */
  give(buffer: PooledBuffer): void {
    const sized = this.#idle.get(buffer.bytes) ?? [];
    let at = sized.length;
    while (at > 0 && sized[at - 1].id < buffer.id) at--;
    sized.splice(at, 0, buffer);
    this.#idle.delete(buffer.bytes); // and in again: the map's order is the order of last use
    this.#idle.set(buffer.bytes, sized);
    this.#idleBytes += buffer.heldBytes;
    while (this.#idleBytes > this.capBytes) this.#evict();
  }

  /** The texture that goes with the buffer for as long as it lives. */
  texelsOf(buffer: PooledBuffer): Texels {
    if (!buffer.texels) {
      buffer.texels = new Texels(this.device, buffer.bytes);
      this.reservedBytes += buffer.bytes;
    }
    return buffer.texels;
  }

  /** Destroys evicted buffers. To be called after each submit. */
  destroyDoomed(): void {
    for (const buffer of this.#doomed) this.#destroy(buffer);
    this.#doomed = [];
  }

  #evict(): void {
    const [bytes, sized] = this.#idle.entries().next().value!;
    const buffer = sized.shift()!;
    if (sized.length === 0) this.#idle.delete(bytes);
    this.#idleBytes -= buffer.heldBytes;
    if (buffer.usedIn === this.submissions.current) this.#doomed.push(buffer);
    else this.#destroy(buffer);
  }

  #destroy(buffer: PooledBuffer): void {
    for (const group of buffer.boundIn) group.forget();
    buffer.gpu.destroy();
    buffer.texels?.destroy();
    this.reservedBytes -= buffer.heldBytes;
  }
}
