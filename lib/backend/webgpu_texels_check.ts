// This module is browser compatible.
/**
 * Whether a software adapter reads texels faster than storage buffers, and reads them right: on CPUs with AVX-512
 * both take about as long.
 */

import { Texels, withTexels } from "./webgpu_texels.ts";

const VECTORS = 4096; // in a texture of several rows
const INVOCATIONS = 64 * 64;
/** Milliseconds that a trial should take: well above the 11 ms in which Deno notices that a queue is idle. */
const LONG = 40;
const MAX_LOADS = 1 << 14; // of each invocation
const KINDS_OF_ERRORS = ["validation", "internal", "out-of-memory"] as const;

const WGSL = `
@group(0) @binding(0) var<uniform> loads: vec4u;
@group(0) @binding(1) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  var sum = vec4f();
  for (var i = 0u; i < loads.x; i++) { sum += x[(16u * id.x + i) % ${VECTORS}u]; }
  y[id.x] = sum;
}`;

const known = new Map<string, boolean>(); // by the adapter's description: a process has one of a kind

/**
 * Times both on `device`, about a quarter of a second, once in a process.
 *
 * @returns Also false where the device fails: what is wrong with it shows when it is used.
 */
export async function texelsAreFaster(device: GPUDevice, description: string): Promise<boolean> {
  const before = known.get(description);
  if (before !== undefined) return before;
  const answer = await measure(device);
  if (answer !== undefined) known.set(description, answer);
  return answer ?? false;
}

/** Nothing where the device failed. */
async function measure(device: GPUDevice): Promise<boolean | undefined> {
  const { STORAGE, UNIFORM, COPY_DST, COPY_SRC, MAP_READ } = GPUBufferUsage;
  const loads = device.createBuffer({ size: 16, usage: UNIFORM | COPY_DST });
  const x = device.createBuffer({ size: VECTORS * 16, usage: STORAGE | COPY_SRC | COPY_DST });
  const y = device.createBuffer({ size: INVOCATIONS * 16, usage: STORAGE | COPY_SRC | COPY_DST });
  const result = device.createBuffer({ size: y.size, usage: MAP_READ | COPY_DST });
  const texels = new Texels(device, x.size);
  device.queue.writeBuffer(x, 0, Float32Array.from({ length: x.size / 4 }, (_, i) => Math.sin(i)));

  const trial = (wgsl: string, resource: GPUBindingResource) => {
    const module = device.createShaderModule({ label: "trial of loads", code: wgsl });
    const pipeline = device.createComputePipeline({
      layout: "auto",
      compute: { module, entryPoint: "main" },
    });
    const resources = [{ buffer: loads }, resource, { buffer: y }];
    const group = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: resources.map((resource, binding) => ({ binding, resource })),
    });
    return async (count: number): Promise<{ milliseconds: number; numbers: Float32Array }> => {
      device.queue.writeBuffer(loads, 0, Uint32Array.of(count));
      const start = performance.now();
      const encoder = device.createCommandEncoder();
      encoder.clearBuffer(y); // a program that does not compile does nothing, and fast
      texels.fill(encoder, x);
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(INVOCATIONS / 64);
      pass.end();
      encoder.copyBufferToBuffer(y, 0, result, 0, y.size);
      device.queue.submit([encoder.finish()]);
      await result.mapAsync(GPUMapMode.READ);
      const milliseconds = performance.now() - start;
      const numbers = new Float32Array(result.getMappedRange().slice(0));
      result.unmap();
      return { milliseconds, numbers };
    };
  };

  for (const kind of KINDS_OF_ERRORS) device.pushErrorScope(kind);
  let faster: boolean | undefined;
  try {
    const fromBuffer = trial(WGSL, { buffer: x });
    const fromTexels = trial(withTexels(WGSL, ["x"], 3), texels.view);
    const want = (await fromBuffer(7)).numbers; // the compiler runs at the first dispatch
    const got = (await fromTexels(7)).numbers;
    if (want.every((number, i) => number === got[i])) {
      let count = 64;
      let { milliseconds } = await fromBuffer(count);
      while (milliseconds < LONG && count < MAX_LOADS) ({ milliseconds } = await fromBuffer(count *= 2));
      faster = (await fromTexels(count)).milliseconds < milliseconds;
    } else faster = false;
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // mapping fails so where the device does
  }
  for (const _ of KINDS_OF_ERRORS) if (await device.popErrorScope().catch(() => true)) faster = false;
  for (const used of [loads, x, y, result, texels]) used.destroy();
  return faster;
}
