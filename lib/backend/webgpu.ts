// This module is browser compatible.
/** WebGPU as a device: kernels are recorded, and run when somebody reads. */

import type { AdapterTraits, Grid, Kernel, NumberArray, Program } from "../../kernels/kernel.ts";
import type { Backend, MemoryUse, Storage, StorageType } from "./backend.ts";
import { ErrorLog } from "./webgpu_errors.ts";
import { testHalves } from "./webgpu_half_check.ts";
import { bytesToHold, bytesToRead, bytesToWrite, numbersIn } from "./webgpu_numbers.ts";
import { BufferPool, type PooledBuffer } from "./webgpu_pool.ts";
import { type ProfileEntry, Profiler } from "./webgpu_profile.ts";
import { type PreparedKernel, ProgramCache } from "./webgpu_programs.ts";
import { Readback } from "./webgpu_readback.ts";
import { Recorder } from "./webgpu_recorder.ts";
import { bufferOf, freed, WebgpuStorage } from "./webgpu_storage.ts";
import { fitsTexels } from "./webgpu_texels.ts";
import { texelsAreFaster } from "./webgpu_texels_check.ts";

/** Bytes of freed memory kept for reuse. */
const POOL_BYTES = 512 * 2 ** 20;
/** With fewer loads, copying an input into a texture takes longer than it saves: 1,024 and 16,384 were no better. */
const TEXEL_LOADS = 4096;
/** What most programs have in a workgroup, to estimate loads by. */
const INVOCATIONS = 64;

/** Limits that are asked for as high as the adapter has them. */
const LIMITS = [
  "maxBufferSize",
  "maxStorageBufferBindingSize",
  "maxStorageBuffersPerShaderStage",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
  "maxComputeWorkgroupSizeX",
  "maxComputeWorkgroupSizeY",
  "maxComputeWorkgroupSizeZ",
  "maxTextureDimension2D",
] as const;

/** Options of {@linkcode openWebgpu}. */
export interface WebgpuOptions {
  /** Choose programs as for another kind of adapter: tests and benches run all variants on one. */
  readonly traits?: AdapterTraits;
  /** Measure every dispatch for {@linkcode WebgpuBackend.profile}. Default false. */
  readonly profile?: boolean;
  /** Bytes of freed memory kept for reuse. Default 512 MiB. */
  readonly poolBytes?: number;
  /** Open it with f16 storage, tested before it is used. Default false. */
  readonly halves?: boolean;
  /**
   * An input is read as texels where at least so many loads of it are expected: one for each element or for each
   * invocation, whichever are more.
   * Default: never on GPUs; on adapters played by a CPU a bound that was measured, or never, as a trial finds faster.
   */
  readonly texelLoads?: number;
}

/**
 * Opens the system's GPU.
 *
 * @throws {Error} If there is no adapter, or it cannot measure times or store halves correctly and `options` ask for it.
 */
export async function openWebgpu(options: WebgpuOptions = {}): Promise<WebgpuBackend> {
  const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new Error(
      "Cannot open the GPU: WebGPU finds no adapter, there should be a Vulkan, Metal or Direct3D 12 driver " +
        "(Debian's software driver is `apt install mesa-vulkan-drivers`); `--device cpu` needs none",
    );
  }
  const { profile = false } = options;
  if (profile && !adapter.features.has("timestamp-query")) {
    throw new Error(`Cannot profile on ${adapter.info.description}: it should support "timestamp-query"`);
  }
  if (options.halves && !adapter.features.has("shader-f16")) {
    throw new Error(
      `Cannot store f16 on ${adapter.info.description}: it should support "shader-f16", use --precision f32`,
    );
  }
  const features: GPUFeatureName[] = [];
  if (profile) features.push("timestamp-query");
  if (options.halves) features.push("shader-f16");
  const device = await adapter.requestDevice({
    requiredFeatures: features,
    requiredLimits: Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]])),
  });
  const faster = options.texelLoads === undefined && adapter.info.isFallbackAdapter &&
    await texelsAreFaster(device, adapter.info.description);
  const backend = new WebgpuBackend(
    device,
    adapter.info,
    faster ? { ...options, texelLoads: TEXEL_LOADS } : options,
  );
  if (options.halves) await testHalves(backend);
  return backend;
}

/** A GPU, or software that plays one. Made by {@linkcode openWebgpu}. */
export class WebgpuBackend implements Backend {
  readonly name = "webgpu";
  readonly description: string;
  readonly precision = "f32";
  readonly halves: boolean;
  /** What kernels choose their programs by. */
  readonly traits: AdapterTraits;
  /** An input of which at least so many loads are expected is read as texels. */
  readonly texelLoads: number;

  readonly #device: GPUDevice;
  readonly #errors = new ErrorLog();
  readonly #recorder: Recorder;
  readonly #pool: BufferPool;
  readonly #programs: ProgramCache;
  readonly #readback: Readback;
  readonly #maxBytes: number;
  /** The buffers of the dispatch at hand, in one array for all. */
  readonly #bound: PooledBuffer[] = [];
  #lost: string | undefined;
  #storages = 0;
  #bytes = 0;
  #peakBytes = 0;

  /** See {@linkcode openWebgpu}. */
  constructor(device: GPUDevice, info: GPUAdapterInfo, options: WebgpuOptions = {}) {
    this.#device = device;
    this.traits = options.traits ?? { software: info.isFallbackAdapter };
    this.texelLoads = options.texelLoads ?? Infinity;
    this.halves = device.features.has("shader-f16");
    const title = info.description || info.device || info.vendor || "unnamed adapter";
    this.description = `WebGPU (${title}${info.isFallbackAdapter ? ", a software adapter" : ""})`;
    this.#maxBytes = Math.min(device.limits.maxStorageBufferBindingSize, device.limits.maxBufferSize);

    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault(); // not printed: the next read throws it
      this.#errors.add((event as GPUUncapturedErrorEvent).error.message);
    });
    device.lost.then((loss) => {
      this.#lost ??= `the device was lost (${loss.message || loss.reason}), open the backend again`;
    });

    this.#recorder = new Recorder(device, this.#errors);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.#pool = new BufferPool(device, this.#recorder, options.poolBytes ?? POOL_BYTES, usage);
    this.#programs = new ProgramCache(device, this.#recorder.uniforms, this.#errors);
    this.#readback = new Readback(device, this.#recorder);
    this.#recorder.onSubmit = () => this.#pool.destroyDoomed();
    if (options.profile) this.#recorder.profiler = new Profiler(device);
  }

  alloc(length: number, type: StorageType = "f32"): Storage {
    this.#checkAlive("allocate memory");
    if (!Number.isInteger(length) || length < 1) {
      throw new RangeError(`Cannot allocate ${length} elements: the length should be a whole number above 0`);
    }
    if (type === "f16" && !this.halves) {
      throw new RangeError(
        `Cannot store f16 on ${this.description}: it was opened without, use { halves: true } or --precision f16`,
      );
    }
    const bytes = bytesToHold(length, type);
    if (bytes > this.#maxBytes) {
      throw new RangeError(
        `Cannot allocate ${length} elements, ${bytes} bytes: this adapter binds at most ${this.#maxBytes} bytes, ` +
          `use a smaller --batch or --size`,
      );
    }
    const storage = new WebgpuStorage(length, type, this.#pool.take(bytes));
    this.#storages++;
    this.#bytes += bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.#bytes);
    return storage;
  }

  write(storage: Storage, data: ArrayLike<number>, offset = 0): void {
    this.#checkAlive("write");
    const buffer = bufferOf(storage, "write");
    if (offset < 0 || offset + data.length > storage.length) {
      throw new RangeError(
        `Cannot write ${data.length} numbers at ${offset}: the storage holds ${storage.length}`,
      );
    }
    // The queue's own writes overtake what is recorded and not submitted.
    if (buffer.usedIn === this.#recorder.current) this.flush();
    const { at, bytes } = bytesToWrite(storage, data, offset);
    this.#device.queue.writeBuffer(buffer.gpu, at, bytes);
    if (buffer.texels) buffer.texels.stale = true;
  }

  async read(storage: Storage): Promise<NumberArray> {
    this.#checkAlive("read");
    const buffer = bufferOf(storage, "read");
    try {
      const data = await this.#readback.read(buffer, bytesToRead(storage));
      await this.#errors.throwGathered();
      return numbersIn(data, storage);
    } catch (error) {
      this.#checkAlive("read"); // a lost device explains what went wrong better
      throw error;
    }
  }

  free(storage: Storage): void {
    const buffer = bufferOf(storage, "free");
    (storage as WebgpuStorage).buffer = undefined;
    this.#storages--;
    this.#bytes -= buffer.bytes;
    this.#pool.give(buffer);
  }

  run<B extends string, P extends string>(
    kernel: Kernel<B, P>,
    buffers: Readonly<Record<B, Storage>>,
    params: Readonly<Record<P, number>>,
  ): void {
    if (this.#lost) this.#checkAlive(`run ${kernel.name}`);
    const program = kernel.choose?.(params, this.traits) ?? kernel;
    const grid = program.workgroups(params);
    const prepared = this.#programs.prepare(kernel as unknown as Kernel); // the names are checked by now

    const bound = this.#bound;
    const { buffers: names, inputs } = prepared;
    bound.length = names.length;
    let halves = 0;
    for (let i = 0; i < names.length; i++) {
      const { buffer, type } = buffers[names[i] as B] as WebgpuStorage;
      if (!buffer) throw freed(`run ${kernel.name}`, names[i]);
      if (type === "f16") halves |= 1 << i;
      bound[i] = buffer;
    }
    const texels = this.texelLoads < Infinity ? this.#fillTexels(program, prepared, halves, grid) : 0;
    const compiled = this.#programs.compile(program, prepared, halves, texels);
    if (compiled.failure) throw new Error(compiled.failure);
    const { groups } = this.#programs.layout(prepared, texels);
    const group = groups.find(bound) ?? this.#programs.bind(prepared, bound.slice(), texels);
    this.#recorder.dispatch(prepared, compiled, group.gpu, params, grid);
    const { current } = this.#recorder; // read now: a full ring is submitted on the way
    for (let i = 0; i < bound.length; i++) {
      bound[i].usedIn = current;
      if (i >= inputs && bound[i].texels) bound[i].texels!.stale = true;
    }
  }

  /** Fills the textures of the bound buffers that are worth it, and tells which these are, as bits in their order. */
  #fillTexels(program: Program, prepared: PreparedKernel, halves: number, grid: Grid): number {
    const invocations = INVOCATIONS * grid[0] * grid[1] * grid[2];
    let texels = this.#programs.texelBuffers(program, prepared) & ~halves;
    for (let i = 0; texels >> i > 0; i++) {
      const buffer = this.#bound[i];
      if ((texels >> i & 1) === 0) continue;
      const loads = Math.max(buffer.bytes / 4, invocations);
      if (loads < this.texelLoads || !fitsTexels(this.#device, buffer.bytes)) texels &= ~(1 << i);
      else if (this.#pool.texelsOf(buffer).stale) this.#recorder.fill(buffer.texels!, buffer);
    }
    return texels;
  }

  flush(): void {
    this.#recorder.submit();
  }

  memory(): MemoryUse {
    return {
      storages: this.#storages,
      bytes: this.#bytes,
      reservedBytes: this.#pool.reservedBytes + this.#readback.reservedBytes + this.#recorder.uniforms.size,
      peakBytes: this.#peakBytes,
    };
  }

  /**
   * Time per program since the last call, the longest first. Copies, those into texels too, are nobody's.
   *
   * @throws {Error} If the backend was opened without `profile`.
   */
  async profile(): Promise<ProfileEntry[]> {
    const { profiler } = this.#recorder;
    if (!profiler) throw new Error("Cannot profile: open the backend with { profile: true }");
    this.flush();
    const entries = await profiler.collect();
    await this.#errors.throwGathered();
    return entries;
  }

  close(): void {
    this.#lost ??= "the backend was closed";
    this.#recorder.profiler?.destroy();
    this.#device.destroy(); // and with it every buffer
  }

  #checkAlive(action: string): void {
    if (this.#lost) throw new Error(`Cannot ${action}: ${this.#lost}`);
  }
}
