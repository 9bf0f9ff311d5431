// This module is browser compatible.
/** Pipelines, bind group layouts and bind groups, made once and kept. */

import type { Kernel, ParamType, Program } from "../../kernels/kernel.ts";
import type { ErrorLog } from "./webgpu_errors.ts";
import { withHalves } from "./webgpu_half.ts";
import { type BoundGroup, BoundGroups } from "./webgpu_groups.ts";
import type { PooledBuffer } from "./webgpu_pool.ts";
import { texelBuffers, withTexels } from "./webgpu_texels.ts";

/** Bind groups kept for one layout. Beyond it all are dropped: what is in use is made again. */
const MAX_BIND_GROUPS = 4096;
const TEXEL_BITS = 16; // in the key of a program's form, texels come so many bits after halves
const UNIFORM_GRAIN = 256; // uniform bindings are multiples of it, so that kernels share bind groups

/** Kernels with as many inputs, outputs and uniform bytes share one of these. */
export interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
  /** Bytes of the uniform binding. */
  readonly uniformBytes: number;
  readonly groups: BoundGroups;
}

/** What a kernel needs at each run, worked out once. */
export interface PreparedKernel {
  readonly name: string;
  /** Inputs, then outputs. */
  readonly buffers: readonly string[];
  /** How many of the buffers are inputs. */
  readonly inputs: number;
  readonly params: readonly string[];
  readonly types: readonly ParamType[];
  /** Buffers that may be read as texels, as bits in their order: inputs, and what is updated in place. */
  readonly mayBeTexels: number;
  /** By which buffers are read as texels, as bits; made when asked for, {@linkcode ProgramCache.layout}. */
  readonly layouts: Layout[];
  /** Bytes from one dispatch's parameters to the next's. */
  readonly slot: number;
}

/** A program on the device. */
export interface CompiledProgram {
  readonly name: string;
  readonly pipeline: GPUComputePipeline;
  /** Why it cannot run, once the compiler has said so. */
  failure: string | undefined;
  /** The submission that last recorded a dispatch of it. */
  usedIn: number;
}

/** Everything that is made once per kernel, program or set of buffers. */
export class ProgramCache {
  #kernels = new Map<Kernel, PreparedKernel>();
  /** By program, then by which of its buffers hold f16 and which are textures, as bits. */
  #programs = new Map<Program, CompiledProgram[]>();
  #texelBuffers = new Map<Program, number>();
  #layouts = new Map<string, Layout>();

  constructor(readonly device: GPUDevice, readonly uniforms: GPUBuffer, readonly errors: ErrorLog) {}

  /** The lists of `kernel` as the recorder wants them. */
  prepare(kernel: Kernel): PreparedKernel {
    const known = this.#kernels.get(kernel);
    if (known) return known;
    const params = Object.keys(kernel.params);
    const alignment = this.device.limits.minUniformBufferOffsetAlignment;
    const buffers = [...kernel.inputs, ...kernel.outputs];
    const mayBeRead = [...kernel.inputs, ...kernel.inPlace ?? []];
    const prepared: PreparedKernel = {
      name: kernel.name,
      buffers,
      inputs: kernel.inputs.length,
      params,
      types: params.map((name) => kernel.params[name]),
      mayBeTexels: mayBeRead.reduce((bits, name) => bits | 1 << buffers.indexOf(name), 0),
      layouts: [],
      slot: alignment * Math.ceil(params.length * 4 / alignment),
    };
    this.#kernels.set(kernel, prepared);
    return prepared;
  }

  /**
   * The pipeline of `program`; where it does not compile, a read will throw why.
   *
   * @param halves Which of the kernel's buffers hold f16: bit i stands for buffer i.
   * @param texels Which are read as texels, likewise.
   */
  compile(program: Program, kernel: PreparedKernel, halves: number, texels: number): CompiledProgram {
    let forms = this.#programs.get(program);
    if (!forms) this.#programs.set(program, forms = []);
    return forms[halves | texels << TEXEL_BITS] ??= this.#compile(
      derived(program, kernel.buffers, halves, texels),
      this.layout(kernel, texels),
    );
  }

  /** Which of the kernel's buffers `program` can read as texels, as bits in their order. */
  texelBuffers(program: Program, { buffers, mayBeTexels }: PreparedKernel): number {
    let bits = this.#texelBuffers.get(program);
    if (bits === undefined) {
      bits = texelBuffers(program.wgsl, buffers) & mayBeTexels;
      this.#texelBuffers.set(program, bits);
    }
    return bits;
  }

  /** The layout of a kernel that reads those of its buffers as texels where `texels` says so. */
  layout(kernel: PreparedKernel, texels: number): Layout {
    return kernel.layouts[texels] ??= this.#layout(
      kernel.inputs,
      kernel.buffers.length - kernel.inputs,
      kernel.params.length * 4,
      texels,
    );
  }

  #compile(program: Program, layout: Layout): CompiledProgram {
    this.device.pushErrorScope("validation");
    const module = this.device.createShaderModule({ label: program.name, code: program.wgsl });
    const pipeline = this.device.createComputePipeline({
      label: program.name,
      layout: layout.pipeline,
      compute: { module, entryPoint: "main", constants: { ...program.constants } },
    });
    const compiled: CompiledProgram = { name: program.name, pipeline, failure: undefined, usedIn: -1 };
    const scope = this.device.popErrorScope();
    this.errors.watch(program, module, scope, (message) => compiled.failure = message);
    return compiled;
  }

  /**
   * A bind group of `buffers`, remembered until one of them is destroyed.
   *
   * @throws {Error} If one is written and bound twice.
   */
  bind(kernel: PreparedKernel, buffers: readonly PooledBuffer[], texels = 0): BoundGroup {
    checkAliases(kernel, buffers);
    const { group, groups, uniformBytes } = this.layout(kernel, texels);
    if (groups.size >= MAX_BIND_GROUPS) groups.clear();
    const resources: GPUBindingResource[] = [{ buffer: this.uniforms, size: uniformBytes }];
    const behind: GPUBindingResource[] = [];
    buffers.forEach(({ gpu, texels: copy }, i) => {
      const asTexels = texels >> i & 1;
      resources.push(asTexels && i < kernel.inputs ? copy!.view : { buffer: gpu });
      if (asTexels && i >= kernel.inputs) behind.push(copy!.view);
    });
    const entries = [...resources, ...behind].map((resource, binding) => ({ binding, resource }));
    const gpu = this.device.createBindGroup({ layout: group, entries });
    return groups.add(gpu, buffers);
  }

  #layout(inputs: number, outputs: number, paramBytes: number, texels: number): Layout {
    const uniformBytes = Math.ceil(paramBytes / UNIFORM_GRAIN) * UNIFORM_GRAIN;
    const key = `${inputs} ${outputs} ${uniformBytes} ${texels}`;
    const known = this.#layouts.get(key);
    if (known) return known;
    const entries: GPUBindGroupLayoutEntry[] = [];
    const add = (kind: Omit<GPUBindGroupLayoutEntry, "binding" | "visibility">) =>
      entries.push({ binding: entries.length, visibility: GPUShaderStage.COMPUTE, ...kind });
    add({ buffer: { type: "uniform", hasDynamicOffset: true } });
    const texture: GPUTextureBindingLayout = { sampleType: "unfilterable-float" };
    for (let i = 0; i < inputs; i++) {
      add(texels >> i & 1 ? { texture } : { buffer: { type: "read-only-storage" } });
    }
    for (let i = 0; i < outputs; i++) add({ buffer: { type: "storage" } });
    for (let i = inputs; i < inputs + outputs; i++) if (texels >> i & 1) add({ texture });
    const group = this.device.createBindGroupLayout({ label: key, entries });
    const pipeline = this.device.createPipelineLayout({ label: key, bindGroupLayouts: [group] });
    const layout: Layout = { group, pipeline, uniformBytes, groups: new BoundGroups() };
    this.#layouts.set(key, layout);
    return layout;
  }
}

function derived(program: Program, buffers: readonly string[], halves: number, texels: number): Program {
  let { name, wgsl } = program;
  if (halves !== 0) {
    name += ":f16";
    wgsl = withHalves(wgsl, buffers.filter((_, i) => halves >> i & 1));
  }
  if (texels !== 0) {
    name += ":texels";
    wgsl = withTexels(wgsl, buffers.filter((_, i) => texels >> i & 1), 1 + buffers.length);
  }
  return wgsl === program.wgsl ? program : { ...program, name, wgsl };
}

/** WebGPU refuses a buffer that one dispatch both writes and binds again, but tells only later. */
function checkAliases(kernel: PreparedKernel, bound: readonly PooledBuffer[]): void {
  for (let output = kernel.inputs; output < bound.length; output++) {
    const other = bound.findIndex((buffer, i) => i !== output && buffer === bound[output]);
    if (other < 0) continue;
    throw new Error(
      `Cannot run ${kernel.name}: "${kernel.buffers[other]}" and "${
        kernel.buffers[output]
      }" are one buffer, ` +
        `what a kernel writes should be bound once`,
    );
  }
}
