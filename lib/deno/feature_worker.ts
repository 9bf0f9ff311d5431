// This module runs in Deno only.
/** A worker that reads features from disk, checks and converts them, while the main thread trains. See job_pool.ts. */

import { FeatureDecoder } from "./feature_records.ts";
import { FEATURES } from "./shard_format.ts";
import { openRecords } from "./shard_reader.ts";

/** Features to read. */
export interface FeatureJob {
  /** The cache. */
  readonly dir: string;
  readonly records: Uint32Array;
  /** Shared memory for [records.length, P, D]. */
  readonly out: Float32Array;
}

/** Undefined where all went well, else why not. */
export type FeatureAnswer = string | undefined;

const decoders = new Map<string, Promise<FeatureDecoder>>();

async function openDecoder(dir: string): Promise<FeatureDecoder> {
  return new FeatureDecoder(await openRecords(dir, FEATURES, { memoryBytes: 0 }));
}

// The worker's own scope: lib "deno.window" types `self` as a window's.
const scope = self as unknown as DedicatedWorkerGlobalScope;

scope.onmessage = async ({ data: { dir, records, out } }: MessageEvent<FeatureJob>) => {
  let answer: FeatureAnswer;
  try {
    let decoder = decoders.get(dir);
    if (!decoder) decoders.set(dir, decoder = openDecoder(dir));
    (await decoder).read(records, out);
  } catch (error) {
    answer = error instanceof Error ? error.message : String(error);
  }
  scope.postMessage(answer);
};
scope.postMessage("ready");
