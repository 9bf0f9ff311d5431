// This module is browser compatible.
/**
 * Inputs read as texels, for adapters played by a CPU.
 *
 * Mesa's software driver reads a storage buffer lane by lane, through memory where the CPU has no AVX-512: 212 ns for
 * eight lanes of a vec4. A texel it fetches for all lanes at once: 20 ns. So inputs are copied into textures, at 10 to
 * 20 GB/s, and programs derived from the kernels' own read those. The numbers are the same to the bit.
 */

import { closing, declarationOf, indexOfAny, isPointedTo, withoutComments } from "./webgpu_wgsl.ts";

/** Texels in a row: 16 KiB, which is a multiple of the 256 bytes that copies of several rows ask for. */
const WIDTH = 1024;
const TEXEL_BYTES = 16; // four f32

/** Types of elements that a texel holds. */
const TYPES = ["f32", "vec4f"];

/** Which of `buffers` the program could read as texels: bit i stands for buffer i. */
export function texelBuffers(wgsl: string, buffers: readonly string[]): number {
  const code = withoutComments(wgsl);
  let bits = 0;
  buffers.forEach((name, i) => {
    const type = declarationOf(name).exec(code)?.[2];
    if (type !== undefined && TYPES.includes(type) && !isPointedTo(code, name)) bits |= 1 << i;
  });
  return bits;
}

/**
 * The program with the named buffers in textures.
 *
 * An output stays a buffer as well, to be written, and its texture is bound behind everything else.
 *
 * @param wgsl A program.
 * @param names Some of its {@linkcode texelBuffers}, in the order of their bindings.
 * @param free The first binding that the program leaves free.
 * @throws {SyntaxError} If it writes components of one of them.
 */
export function withTexels(wgsl: string, names: readonly string[], free: number): string {
  let code = withoutComments(wgsl);
  const declarations: string[] = [];
  for (const name of names) {
    const declaration = declarationOf(name);
    const [, start, type] = declaration.exec(code)!;
    const texture = `var texels_of_${name}: texture_2d<f32>`;
    if (start.includes("read_write")) declarations.push(`@group(0) @binding(${free++}) ${texture};`);
    else code = code.replace(declaration, texture);
    declarations.push(accessor(name, type));
  }
  return `${translate(code, indexOfAny(names))}\n${declarations.join("\n")}\n`;
}

/** A function that reads element `i`. The last texel of a row may be the last of all. */
function accessor(name: string, type: string): string {
  const load = (texel: string) =>
    `textureLoad(texels_of_${name}, vec2u(${texel} % ${WIDTH}u, ${texel} / ${WIDTH}u), 0)`;
  const value = type === "vec4f" ? load("i") : `${load("(i / 4u)")}[i % 4u]`;
  return `fn texel_of_${name}(i: u32) -> ${type} { return ${value}; }`;
}

function translate(text: string, use: RegExp): string {
  const found = use.exec(text);
  if (!found) return text;
  const [, name] = found;
  const open = found.index + name.length;
  const close = closing(text, open);
  const before = text.slice(0, found.index);
  const index = translate(text.slice(open + 1, close), use);
  const after = text.slice(close + 1);
  const load = `texel_of_${name}(u32(${index}))`;
  if (/^(\.\w+|\[[^\]]*\])\s*[-+*/%]?=(?!=)/.test(after)) {
    throw new SyntaxError(`Cannot read ${name} as texels: the program writes components of its elements`);
  }
  const [assignment, operator] = /^\s*([-+*/%]?)=(?!=)/.exec(after) ?? [];
  if (assignment === undefined) return `${before}${load}${translate(after, use)}`;
  const end = after.indexOf(";");
  const value = translate(after.slice(assignment.length, end), use).trim();
  const result = operator ? `${load} ${operator} (${value})` : value;
  return `${before}${name}[${index}] = ${result}${translate(after.slice(end), use)}`;
}

/** A buffer's numbers as a texture. */
export class Texels {
  readonly view: GPUTextureView;
  /** Whether the buffer was written since the texture was filled. */
  stale = true;
  readonly #texture: GPUTexture;
  readonly #texels: number;

  /** For a buffer of `bytes`, which {@linkcode fitsTexels}. */
  constructor(device: GPUDevice, bytes: number) {
    this.#texels = bytes / TEXEL_BYTES;
    this.#texture = device.createTexture({
      label: `${bytes} bytes as texels`,
      size: [Math.min(WIDTH, this.#texels), Math.ceil(this.#texels / WIDTH)],
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
    });
    this.view = this.#texture.createView();
  }

  /** Records a copy of all of `buffer`. */
  fill(encoder: GPUCommandEncoder, buffer: GPUBuffer): void {
    const bytesPerRow = WIDTH * TEXEL_BYTES;
    const [texture, rows, rest] = [this.#texture, Math.floor(this.#texels / WIDTH), this.#texels % WIDTH];
    if (rows > 0) encoder.copyBufferToTexture({ buffer, bytesPerRow }, { texture }, [WIDTH, rows]);
    if (rest > 0) {
      const offset = rows * bytesPerRow;
      encoder.copyBufferToTexture({ buffer, bytesPerRow, offset }, { texture, origin: [0, rows] }, [rest, 1]);
    }
    this.stale = false;
  }

  destroy(): void {
    this.#texture.destroy();
  }
}

/** Whether a texture of `device` can hold so many bytes. */
export function fitsTexels({ limits }: GPUDevice, bytes: number): boolean {
  return bytes <= WIDTH * TEXEL_BYTES * limits.maxTextureDimension2D;
}
