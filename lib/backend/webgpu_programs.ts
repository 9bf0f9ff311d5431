// This module is browser compatible.
/** Pipelines, bind group layouts and bind groups, made once and kept. */

import type { Kernel, ParamType, Program } from "../../kernels/kernel.ts";
import type { ErrorLog } from "./webgpu_errors.ts";
import { withHalves } from "./webgpu_half.ts";
import type { BoundGroup, PooledBuffer } from "./webgpu_pool.ts";

/** Bind groups kept for one layout. Beyond it all are dropped: what is in use is made again. */
const MAX_BIND_GROUPS = 4096;
const UNIFORM_GRAIN = 256; // uniform bindings are multiples of it, so that kernels share bind groups

/** Kernels with as many inputs, outputs and uniform bytes share one of these. */
export interface Layout {
  readonly group: GPUBindGroupLayout;
  readonly pipeline: GPUPipelineLayout;
  /** Bytes of the uniform binding. */
  readonly uniformBytes: number;
  /** By the ids of the buffers, in order. */
  readonly groups: Map<string, BoundGroup>;
}

/** What a kernel needs at each run, worked out once. */
export interface PreparedKernel {
  /** Inputs, then outputs. */
  readonly buffers: readonly string[];
  /** How many of the buffers are inputs. */
  readonly inputs: number;
  readonly params: readonly string[];
  readonly types: readonly ParamType[];
  readonly layout: Layout;
}

/** A program on the device. */
export interface CompiledProgram {
  readonly pipeline: GPUComputePipeline;
  /** Why it cannot run, once the compiler has said so. */
  failure?: string;
}

/** Everything that is made once per kernel, program or set of buffers. */
export class ProgramCache {
  #kernels = new Map<Kernel, PreparedKernel>();
  /** By program, then by which of its buffers hold f16, as bits in their order. */
  #programs = new Map<Program, CompiledProgram[]>();
  #layouts = new Map<string, Layout>();

  constructor(readonly device: GPUDevice, readonly uniforms: GPUBuffer, readonly errors: ErrorLog) {}

  /** The lists of `kernel` as the recorder wants them. */
  prepare(kernel: Kernel): PreparedKernel {
    const known = this.#kernels.get(kernel);
    if (known) return known;
    const params = Object.keys(kernel.params);
    const prepared: PreparedKernel = {
      buffers: [...kernel.inputs, ...kernel.outputs],
      inputs: kernel.inputs.length,
      params,
      types: params.map((name) => kernel.params[name]),
      layout: this.#layout(kernel.inputs.length, kernel.outputs.length, params.length * 4),
    };
    this.#kernels.set(kernel, prepared);
    return prepared;
  }

  /**
   * The pipeline of `program`; where it does not compile, a read will throw why.
   *
   * @param halves Which of the kernel's buffers hold f16: bit i stands for buffer i.
   */
  compile(program: Program, { layout, buffers }: PreparedKernel, halves: number): CompiledProgram {
    let forms = this.#programs.get(program);
    if (!forms) this.#programs.set(program, forms = []);
    return forms[halves] ??= this.#compile(
      halves === 0 ? program : {
        ...program,
        name: `${program.name}:f16`,
        wgsl: withHalves(program.wgsl, buffers.filter((_, i) => halves >> i & 1)),
      },
      layout,
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
    const compiled: CompiledProgram = { pipeline };
    const scope = this.device.popErrorScope();
    this.errors.watch(program, module, scope, (message) => compiled.failure = message);
    return compiled;
  }

  /** A bind group of `buffers`, remembered under `key` until one of them is destroyed. */
  bind(layout: Layout, key: string, buffers: readonly PooledBuffer[]): BoundGroup {
    if (layout.groups.size >= MAX_BIND_GROUPS) { for (const group of layout.groups.values()) group.forget(); }
    const gpu = this.device.createBindGroup({
      layout: layout.group,
      entries: [
        { binding: 0, resource: { buffer: this.uniforms, size: layout.uniformBytes } },
        ...buffers.map(({ gpu }, i) => ({ binding: i + 1, resource: { buffer: gpu } })),
      ],
    });
    const bound: BoundGroup = {
      gpu,
      forget() {
        layout.groups.delete(key);
        for (const buffer of buffers) buffer.boundIn.delete(bound);
      },
    };
    layout.groups.set(key, bound);
    for (const buffer of buffers) buffer.boundIn.add(bound);
    return bound;
  }

  #layout(inputs: number, outputs: number, paramBytes: number): Layout {
    const uniformBytes = Math.ceil(paramBytes / UNIFORM_GRAIN) * UNIFORM_GRAIN;
    const key = `${inputs} ${outputs} ${uniformBytes}`;
    const known = this.#layouts.get(key);
    if (known) return known;
    const entry = (binding: number, buffer: GPUBufferBindingLayout): GPUBindGroupLayoutEntry => ({
      binding,
      visibility: GPUShaderStage.COMPUTE,
      buffer,
    });
    const entries = [entry(0, { type: "uniform", hasDynamicOffset: true })];
    for (let i = 0; i < inputs; i++) entries.push(entry(entries.length, { type: "read-only-storage" }));
    for (let i = 0; i < outputs; i++) entries.push(entry(entries.length, { type: "storage" }));
    const group = this.device.createBindGroupLayout({ label: key, entries });
    const pipeline = this.device.createPipelineLayout({ label: key, bindGroupLayouts: [group] });
    const layout: Layout = { group, pipeline, uniformBytes, groups: new Map() };
    this.#layouts.set(key, layout);
    return layout;
  }
}
