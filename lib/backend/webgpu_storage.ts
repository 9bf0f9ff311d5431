// This module is browser compatible.
import type { Storage, StorageType } from "./backend.ts";
import type { PooledBuffer } from "./webgpu_pool.ts";

/** Memory on the device. */
export class WebgpuStorage implements Storage {
  /** None once freed. */
  buffer: PooledBuffer | undefined;

  constructor(readonly length: number, readonly type: StorageType, buffer: PooledBuffer) {
    this.buffer = buffer;
  }
}

/**
 * Its buffer.
 *
 * @throws {Error} If there is none: `action` says what it was wanted for.
 */
export function bufferOf(storage: Storage, action: string): PooledBuffer {
  const { buffer } = storage as WebgpuStorage;
  if (!buffer) throw freed(action, "the storage");
  return buffer;
}

/** What is wrong with a storage that has no buffer. */
export function freed(action: string, what: string): Error {
  return new Error(`Cannot ${action}: ${what} was freed or belongs to another backend`);
}
