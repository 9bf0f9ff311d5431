// This module is browser compatible.
/** Time per kernel, from the device's own clock. */

const CAPACITY = 2048; // dispatches between two submits; 4,096 queries is WebGPU's limit
const BYTES = CAPACITY * 2 * 8;

/** What one program took. */
export interface ProfileEntry {
  readonly name: string;
  /** Dispatches. */
  readonly count: number;
  /** Of all of them together. */
  readonly ms: number;
}

/** Writes a timestamp before and after each dispatch. Every dispatch gets a pass of its own: that costs a little. */
export class Profiler {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  #names: string[] = [];
  #waiting: { readonly buffer: GPUBuffer; readonly names: readonly string[] }[] = [];

  constructor(device: GPUDevice) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: "timestamp", count: CAPACITY * 2 });
    this.#resolved = device.createBuffer({
      size: BYTES,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** Whether a submit must come before the next dispatch. */
  get full(): boolean {
    return this.#names.length === CAPACITY;
  }

  /** Where the next dispatch writes its times. */
  next(name: string): GPUComputePassTimestampWrites {
    const first = this.#names.push(name) * 2 - 2;
    return { querySet: this.#queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  /** Records the copying of the times taken since the last submit. */
  resolve(encoder: GPUCommandEncoder): void {
    const names = this.#names;
    if (names.length === 0) return;
    this.#names = [];
    const size = names.length * 16;
    const buffer = this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.resolveQuerySet(this.#queries, 0, names.length * 2, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, buffer, 0, size);
    this.#waiting.push({ buffer, names });
  }

  /** Times of everything submitted since the last call, the longest first. */
  async collect(): Promise<ProfileEntry[]> {
    const totals = new Map<string, { count: number; ms: number }>();
    const waiting = this.#waiting.splice(0);
    await Promise.all(waiting.map(({ buffer }) => buffer.mapAsync(GPUMapMode.READ)));
    for (const { buffer, names } of waiting) {
      const times = new BigUint64Array(buffer.getMappedRange()); // nanoseconds
      names.forEach((name, i) => {
        const total = totals.get(name) ?? { count: 0, ms: 0 };
        total.count++;
        total.ms += Number(times[2 * i + 1] - times[2 * i]) / 1e6;
        totals.set(name, total);
      });
      buffer.destroy();
    }
    return [...totals].map(([name, total]) => ({ name, ...total })).sort((a, b) => b.ms - a.ms);
  }

  /** Frees the device's memory. */
  destroy(): void {
    for (const { buffer } of this.#waiting) buffer.destroy();
    this.#queries.destroy();
    this.#resolved.destroy();
  }
}
