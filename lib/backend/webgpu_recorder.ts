// This module is browser compatible.
/** Dispatches recorded into one encoder, their parameters written in one piece, submitted together. */

import { type Grid, MAX_WORKGROUPS } from "../../kernels/kernel.ts";
import type { ErrorLog } from "./webgpu_errors.ts";
import type { PooledBuffer, Submissions } from "./webgpu_pool.ts";
import type { CompiledProgram, PreparedKernel } from "./webgpu_programs.ts";
import type { Profiler } from "./webgpu_profile.ts";
import type { Texels } from "./webgpu_texels.ts";

const RING_BYTES = 1 << 20; // 4,096 dispatches of 256 bytes; then a submit makes room
const RING_TAIL = 4096; // the last slot's binding may reach beyond it

/** One encoder at a time. */
export class Recorder implements Submissions {
  current = 0;
  /** All dispatches' parameters. */
  readonly uniforms: GPUBuffer;
  /** Told after every submit. */
  onSubmit: () => void = () => {};
  /** Measures each dispatch, where asked for. */
  profiler: Profiler | undefined;

  readonly #device: GPUDevice;
  readonly #errors: ErrorLog;
  readonly #f32 = new Float32Array(RING_BYTES / 4);
  readonly #u32 = new Uint32Array(this.#f32.buffer);
  readonly #i32 = new Int32Array(this.#f32.buffer);
  readonly #offset = new Uint32Array(1);
  #usedBytes = 0;
  #programs: string[] = []; // of the dispatches recorded, each once
  #filled: Texels[] = []; // by what is recorded
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #pipeline: GPUComputePipeline | undefined; // the one set in the pass

  constructor(device: GPUDevice, errors: ErrorLog) {
    this.#device = device;
    this.#errors = errors;
    this.uniforms = device.createBuffer({
      label: "params",
      size: RING_BYTES + RING_TAIL,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
  }

  /**
   * Records one dispatch.
   *
   * @throws {RangeError} If the grid is empty or larger than WebGPU allows.
   */
  dispatch(
    kernel: PreparedKernel,
    program: CompiledProgram,
    group: GPUBindGroup,
    params: Readonly<Record<string, number>>,
    grid: Grid,
  ): void {
    checkGrid(program.name, grid);
    const { slot } = kernel;
    if (this.#usedBytes + slot > RING_BYTES || this.profiler?.full) this.submit();
    this.#offset[0] = this.#usedBytes;
    this.#pack(kernel, params);
    this.#usedBytes += slot;

    const pass = this.profiler
      ? this.#timedPass(program.name, this.profiler)
      : this.#pass ??= this.#openPass();
    if (this.#pipeline !== program.pipeline) {
      pass.setPipeline(program.pipeline);
      this.#pipeline = program.pipeline;
    }
    pass.setBindGroup(0, group, this.#offset, 0, 1);
    pass.dispatchWorkgroups(grid[0], grid[1], grid[2]);
    if (program.usedIn !== this.current) {
      program.usedIn = this.current;
      this.#programs.push(program.name);
    }
  }

  /** Records a copy of the first `bytes` of a buffer, after what was recorded before. */
  copy(from: PooledBuffer, to: GPUBuffer, bytes: number): void {
    this.#closePass();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#encoder.copyBufferToBuffer(from.gpu, 0, to, 0, bytes);
    from.usedIn = this.current;
  }

  /** Records that texels take over the numbers of their buffer, as what was recorded before leaves them. */
  fill(texels: Texels, from: PooledBuffer): void {
    this.#closePass();
    this.#encoder ??= this.#device.createCommandEncoder();
    texels.fill(this.#encoder, from.gpu);
    this.#filled.push(texels);
    from.usedIn = this.current;
  }

  /** Hands what is recorded to the queue. */
  submit(): void {
    if (!this.#encoder) return;
    this.#closePass();
    this.profiler?.resolve(this.#encoder);
    if (this.#usedBytes > 0) {
      this.#device.queue.writeBuffer(this.uniforms, 0, this.#u32, 0, this.#usedBytes / 4);
    }
    this.#device.pushErrorScope("validation");
    this.#device.queue.submit([this.#encoder.finish()]);
    const filled = this.#filled;
    this.#errors.watchSubmission(this.#device.popErrorScope(), this.#programs, () => {
      for (const texels of filled) texels.stale = true;
    });
    this.#filled = [];
    this.#encoder = undefined;
    this.#programs = [];
    this.#usedBytes = 0;
    this.current++;
    this.onSubmit();
  }

  #pack(kernel: PreparedKernel, params: Readonly<Record<string, number>>): void {
    const { params: names, types } = kernel;
    let at = this.#usedBytes / 4;
    for (let i = 0; i < names.length; i++, at++) {
      const value = params[names[i]];
      const type = types[i];
      if (type === "u32") this.#u32[at] = value;
      else if (type === "f32") this.#f32[at] = value;
      else this.#i32[at] = value;
    }
  }

  #openPass(): GPUComputePassEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#encoder.beginComputePass();
  }

  #timedPass(name: string, profiler: Profiler): GPUComputePassEncoder {
    this.#closePass();
    this.#encoder ??= this.#device.createCommandEncoder();
    return this.#pass = this.#encoder.beginComputePass({ timestampWrites: profiler.next(name) });
  }

  #closePass(): void {
    this.#pass?.end();
    this.#pass = undefined;
    this.#pipeline = undefined;
  }
}

function checkGrid(name: string, grid: Grid): void {
  for (let i = 0; i < 3; i++) {
    if (grid[i] >= 1 && grid[i] <= MAX_WORKGROUPS && Number.isInteger(grid[i])) continue;
    throw new RangeError(
      `Cannot run ${name} with [${
        grid.join(", ")
      }] workgroups: each should be a whole number from 1 to ${MAX_WORKGROUPS}`,
    );
  }
}
