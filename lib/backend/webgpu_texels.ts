// This module is browser compatible.
/**
 * Inputs read as texels, for adapters played by a CPU.
 *
 * Mesa's software driver reads a storage buffer lane by lane, through memory where the CPU has no AVX-512: 212 ns for
 * eight lanes of a vec4. A texel it fetches for all lanes at once: 20 ns. So inputs are copied into textures, which
 * costs next to nothing, and programs derived from the kernels' own read those. The numbers are the same to the bit.
 */

import { closing, declarationOf, indexOfAny, isPointedTo, withoutComments } from "./webgpu_wgsl.ts";

/** Texels in a row: 16 KiB, which is a multiple of the 256 bytes that copies of several rows ask for. */
const WIDTH = 1024;
const TEXEL_BYTES = 16; // four f32

/** What a program reads an input's texels by. The last texel of a row may be the last of all. */
const ACCESSORS: Readonly<Record<string, (name: string) => string>> = {
  vec4f: (name) =>
    `fn texel_of_${name}(i: u32) -> vec4f { return textureLoad(${name}, vec2u(i % ${WIDTH}u, i / ${WIDTH}u), 0); }`,
  f32: (name) =>
    `fn texel_of_${name}(i: u32) -> f32 { return textureLoad(${name}, vec2u(i / 4u % ${WIDTH}u, i / ${
      4 * WIDTH
    }u), 0)[i % 4u]; }`,
};

/** Which of `inputs` the program can read as texels: bit i stands for input i. */
export function texelInputs(wgsl: string, inputs: readonly string[]): number {
  const code = withoutComments(wgsl);
  let bits = 0;
  inputs.forEach((name, i) => {
    const type = declarationOf(name).exec(code)?.[2];
    if (type !== undefined && type in ACCESSORS && !isPointedTo(code, name)) bits |= 1 << i;
  });
  return bits;
}

/**
 * The program with the named inputs in textures.
 *
 * @param wgsl A program.
 * @param names Some of its {@linkcode texelInputs}.
 */
export function withTexels(wgsl: string, names: readonly string[]): string {
  let code = withoutComments(wgsl);
  const accessors: string[] = [];
  for (const name of names) {
    const declaration = declarationOf(name);
    accessors.push(ACCESSORS[declaration.exec(code)![2]](name));
    code = code.replace(declaration, `var ${name}: texture_2d<f32>`);
  }
  return `${translate(code, indexOfAny(names))}\n${accessors.join("\n")}\n`;
}

function translate(text: string, use: RegExp): string {
  const found = use.exec(text);
  if (!found) return text;
  const [, name] = found;
  const open = found.index + name.length;
  const close = closing(text, open);
  const index = translate(text.slice(open + 1, close), use);
  return `${text.slice(0, found.index)}texel_of_${name}(u32(${index}))${
    translate(text.slice(close + 1), use)
  }`;
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
