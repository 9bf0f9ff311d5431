// This module is browser compatible.
/** Memory of the CPU backend: blocks of the engine's shared memory, or plain arrays for f64. */

import type { CpuEngine } from "../../kernels/gemm/engine.ts";
import type { NumberArray } from "../../kernels/kernel.ts";
import type { Storage, StorageType } from "./backend.ts";

/** A storage whose numbers the host can touch. */
export class CpuStorage implements Storage {
  readonly type: StorageType;
  readonly array: NumberArray;

  constructor(type: StorageType, array: NumberArray) {
    this.type = type;
    this.array = array;
  }

  get length(): number {
    return this.array.length;
  }
}

/** Where arrays come from. */
export interface CpuMemory {
  allocate(length: number, type: StorageType): NumberArray;
  release(array: NumberArray): void;
  /** Bytes taken from the system. */
  readonly reservedBytes: number;
}

/** Arrays of the JavaScript heap, f64 where f32 was asked for: exact, for gradient checks. */
export class DoubleMemory implements CpuMemory {
  readonly reservedBytes = 0;

  allocate(length: number, type: StorageType): NumberArray {
    return type === "u32" ? new Uint32Array(length) : new Float64Array(length);
  }

  release(): void {
    // the garbage collector does
  }
}

interface Block {
  address: number;
  bytes: number;
}

/** So that rows start on cache lines and SIMD loads are aligned. */
const ALIGNMENT = 64;
/** The least the memory grows by. */
const GROWTH_BYTES = 16 << 20;

/** Blocks of the engine's memory: best fit, neighbours merged when freed, so that it stays compact for days. */
export class EngineMemory implements CpuMemory {
  readonly #engine: CpuEngine;
  /** Free blocks by address; no two touch. */
  readonly #free: Block[] = [];
  #end: number;

  constructor(engine: CpuEngine) {
    this.#engine = engine;
    this.#end = alignUp(engine.heapStart);
    const available = engine.memory.buffer.byteLength - this.#end;
    if (available >= ALIGNMENT) this.#append(available);
  }

  get reservedBytes(): number {
    return this.#end - this.#engine.heapStart;
  }

  allocate(length: number, type: StorageType): NumberArray {
    const bytes = alignUp(length * 4);
    const address = this.#take(bytes) ?? this.#growBy(bytes);
    const { buffer } = this.#engine.memory;
    return type === "u32" ? new Uint32Array(buffer, address, length) : new Float32Array(buffer, address, length);
  }

  release(array: NumberArray): void {
    this.#insert({ address: array.byteOffset, bytes: alignUp(array.byteLength) });
  }

  #take(bytes: number): number | undefined {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const size = this.#free[i].bytes;
      if (size >= bytes && (best < 0 || size < this.#free[best].bytes)) best = i;
      if (size === bytes) break;
    }
    if (best < 0) return undefined;
    const block = this.#free[best];
    const { address } = block;
    if (block.bytes === bytes) this.#free.splice(best, 1);
    else {
      block.address += bytes;
      block.bytes -= bytes;
    }
    return address;
  }

  #growBy(bytes: number): number {
    const last = this.#free.at(-1);
    const tail = last && last.address + last.bytes === this.#end ? last.bytes : 0;
    const wanted = Math.max(bytes - tail, GROWTH_BYTES);
    this.#append(this.#engine.grow(wanted));
    return this.#take(bytes)!;
  }

  #append(bytes: number): void {
    const whole = bytes - (bytes % ALIGNMENT);
    const address = this.#end;
    this.#end += whole;
    this.#insert({ address, bytes: whole });
  }

  #insert(block: Block): void {
    let low = 0;
    let high = this.#free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#free[middle].address < block.address) low = middle + 1;
      else high = middle;
    }
    const before = this.#free[low - 1];
    const after = this.#free[low];
    const touchesAfter = after && block.address + block.bytes === after.address;
    if (before && before.address + before.bytes === block.address) {
      before.bytes += block.bytes + (touchesAfter ? after.bytes : 0);
      if (touchesAfter) this.#free.splice(low, 1);
    } else if (touchesAfter) {
      after.address = block.address;
      after.bytes += block.bytes;
    } else this.#free.splice(low, 0, block);
  }
}

function alignUp(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}
