// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import { type Tensor, tensor } from "../tensor.ts";

/** A batch's pictures on the host: their pixels, or the features that a frozen encoder made of them before. */
export type HostPictures =
  | {
    /** Bytes [B, size, size, 3]; the buffer beneath is a multiple of 4 bytes long. */
    readonly pixels: Uint8Array;
    readonly features?: undefined;
  }
  | {
    /** [B, P, D]. */
    readonly features: Float32Array;
    readonly pixels?: undefined;
  };

/** A batch's captions on the host. */
export interface HostWords {
  /** Token ids [B, L]: start, words, end, then padding. */
  readonly captions: ArrayLike<number>;
  /** L. */
  readonly columns: number;
  /** Ids of each caption, start and end included [B]. */
  readonly lengths: ArrayLike<number>;
}

/** A batch on the host: what {@linkcode uploadBatch} needs of it. */
export type HostBatch = HostWords & HostPictures;

/** A batch's pictures on the device. */
export type DevicePictures =
  | {
    /** Packed bytes, u32. */
    readonly pixels: Tensor;
    readonly features?: undefined;
  }
  | {
    /** The numbers of [B, P, D]. */
    readonly features: Tensor;
    readonly pixels?: undefined;
  };

/** A batch on the device, time first. T = longest caption - 1. */
export type DeviceBatch = DevicePictures & {
  /** B. */
  readonly rows: number;
  /** Words read [T, B], u32. */
  readonly inputs: Tensor;
  /** Words to predict [T, B], u32; padding behind a caption's end. */
  readonly targets: Tensor;
  /** Words to predict, padding excluded. */
  readonly words: number;
};

/** Copies a batch to the device. */
export function uploadBatch(backend: Backend, batch: HostBatch): DeviceBatch {
  const { captions, columns, lengths } = batch;
  const B = lengths.length;
  const T = columns - 1;
  const inputs = new Uint32Array(T * B);
  const targets = new Uint32Array(T * B);
  let words = 0;
  for (let b = 0; b < B; b++) {
    words += lengths[b] - 1; // every id but the start token is predicted
    for (let t = 0; t < T; t++) {
      inputs[t * B + b] = captions[b * columns + t];
      targets[t * B + b] = captions[b * columns + t + 1];
    }
  }
  const shape = [T, B];
  return {
    rows: B,
    ...uploadPictures(backend, batch),
    inputs: tensor(backend, inputs, { shape, type: "u32", label: "inputs" }),
    targets: tensor(backend, targets, { shape, type: "u32", label: "targets" }),
    words,
  };
}

/** Copies a batch's pictures to the device, whichever way it carries them. */
export function uploadPictures(backend: Backend, { pixels, features }: HostPictures): DevicePictures {
  if (pixels) return { pixels: uploadPixels(backend, pixels) };
  return { features: tensor(backend, features, { label: "features" }) };
}

/** Copies bytes to the device, four to a u32, little-endian. */
export function uploadPixels(backend: Backend, pixels: Uint8Array): Tensor {
  const words = Math.ceil(pixels.length / 4);
  const fits = pixels.byteOffset % 4 === 0 && pixels.byteOffset + words * 4 <= pixels.buffer.byteLength;
  const packed = fits ? new Uint32Array(pixels.buffer, pixels.byteOffset, words) : new Uint32Array(words);
  if (!fits) new Uint8Array(packed.buffer).set(pixels);
  return tensor(backend, packed, { type: "u32", label: "pixels" });
}
