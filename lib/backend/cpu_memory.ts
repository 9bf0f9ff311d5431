// This module is browser compatible.
/** Memory of the CPU backend: blocks of the engine's shared memory, or plain arrays for f64. */

import type { CpuEngine } from "../../kernels/gemm/engine.ts";
import type { NumberArray } from "../../kernels/kernel.ts";
import type { Storage, StorageType } from "./backend.ts";

/** A storage whose numbers the host can touch. */
export class CpuStorage implements Storage {
  readonly type: StorageType;
  readonly length: number;
  readonly #address: number;
  readonly #memory: CpuMemory;
  #array: NumberArray;

  constructor(memory: CpuMemory, length: number, type: StorageType) {
    this.type = type;
    this.length = length;
    this.#memory = memory;
    this.#array = memory.allocate(length, type);
    this.#address = this.#array.byteOffset;
  }

  /** The numbers. Do not keep it: where memory is not shared, a later allocation ends its life. */
  get array(): NumberArray {
    // Memory that is not shared takes its views away when it grows: then their length is 0.
    if (this.#array.length !== this.length) {
      this.#array = this.#memory.view(this.#address, this.length, this.type);
    }
    return this.#array;
  }
}

/** The numbers of a storage, where they lie in the host's memory; undefined on a GPU. Do not keep them. */
export function hostNumbers(storage: Storage): NumberArray | undefined {
  return storage instanceof CpuStorage ? storage.array : undefined;
}

/** Where arrays come from. */
export interface CpuMemory {
  allocate(length: number, type: StorageType): NumberArray;
  /** What was allocated at an address, seen anew. */
  view(address: number, length: number, type: StorageType): NumberArray;
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

  view(): never {
    throw new Error("Cannot view f64 memory anew: its arrays stay as they are");
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
    const available = engine.bytes - this.#end;
    if (available >= ALIGNMENT) this.#append(available);
  }

  get reservedBytes(): number {
    return this.#end - this.#engine.heapStart;
  }

  allocate(length: number, type: StorageType): NumberArray {
    const bytes = alignUp(length * 4);
    return this.view(this.#take(bytes) ?? this.#growBy(bytes), length, type);
  }

  view(address: number, length: number, type: StorageType): NumberArray {
    const { buffer } = this.#engine.memory;
    return type === "u32"
      ? new Uint32Array(buffer, address, length)
      : new Float32Array(buffer, address, length);
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
    const before = this.#engine.grow(Math.max(bytes - tail, GROWTH_BYTES));
    this.#append(this.#engine.bytes - before);
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
