// This module runs in Deno only.
/** The fast path for JPEGs: mozjpeg in WebAssembly, equal to libjpeg-turbo to the bit. Loaded when first needed. */
import type { Pixels } from "../image/pixels.ts";

/** What a JPEG decoder made of a file. */
export interface DecodedJpeg {
  readonly width: number;
  readonly height: number;
  /** [height, width, 4]; the fourth is opaque always. */
  readonly rgba: Uint8ClampedArray;
  /** The first complaint of the decoder about a file that it went on to decode, if there was any. */
  readonly warning: string | undefined;
}

/** After a picture this large the decoder starts anew, since WebAssembly never gives memory back. */
const LARGE_PIXELS = 16_000_000;

interface Decoder {
  decode(bytes: Uint8Array, preserveOrientation: boolean): ImageData | null;
}

const decoderModule = once(() => compile("@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm"));
const loadEncoder = once(async () => {
  const { default: encode, init } = await import("@jsquash/jpeg/encode.js");
  const module = await compile("@jsquash/jpeg/codec/enc/mozjpeg_enc.wasm");
  await init({ instantiateWasm: instance(module) });
  return encode;
});

const warnings: string[] = [];
let decoder: Decoder | undefined;

/**
 * Decodes a gray or colour JPEG. CMYK is beyond it.
 *
 * @throws {Error} If the decoder gives up.
 */
export async function decodeJpeg(bytes: Uint8Array): Promise<DecodedJpeg> {
  const current = decoder ??= await startDecoder();
  warnings.length = 0; // from here on nothing waits, so other calls cannot mix theirs in
  decoder = undefined; // unless this ends well: one that gave up keeps all its memory
  try {
    const image = current.decode(bytes, false);
    if (!image) throw new Error("it returned nothing");
    const { width, height, data } = image;
    if (width * height < LARGE_PIXELS) decoder = current;
    return { width, height, rgba: data, warning: warnings[0] };
  } catch (cause) {
    throw new Error(warnings.at(-1) ?? String(cause), { cause });
  }
}

/** Without the package's own wrapper, which waits between a call's beginning and its decoding. */
async function startDecoder(): Promise<Decoder> {
  const { default: create } = await import("@jsquash/jpeg/codec/dec/mozjpeg_dec.js");
  const printErr = (line: string) => warnings.push(line);
  return create({ noInitialRun: true, printErr, instantiateWasm: instance(await decoderModule()) });
}

/**
 * Encodes a JPEG: baseline, chroma at half the size, the same bytes on every machine.
 *
 * @param quality 1 to 100.
 * @throws {RangeError} If it is not.
 */
export async function encodeJpeg({ width, height, data }: Pixels, quality = 90): Promise<Uint8Array> {
  if (!(quality >= 1 && quality <= 100)) {
    throw new RangeError(`Cannot encode a JPEG of quality ${quality}: it must be between 1 and 100`);
  }
  const encode = await loadEncoder();
  const rgba = new Uint8ClampedArray(4 * width * height).fill(255);
  for (let from = 0, to = 0; from < data.length; to += 4) {
    rgba[to] = data[from++];
    rgba[to + 1] = data[from++];
    rgba[to + 2] = data[from++];
  }
  const options = { quality, progressive: false, optimize_coding: false };
  return new Uint8Array(await encode(new ImageData(rgba, width, height), options));
}

/** How the package wants to be handed a compiled module. */
function instance(module: WebAssembly.Module) {
  return (
    imports: WebAssembly.Imports,
    done: (instance: WebAssembly.Instance) => void,
  ): WebAssembly.Exports => {
    const instance = new WebAssembly.Instance(module, imports);
    done(instance);
    return instance.exports;
  };
}

async function compile(specifier: string): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await Deno.readFile(new URL(import.meta.resolve(specifier))));
}

function once<T>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | undefined;
  return () => loaded ??= load();
}
