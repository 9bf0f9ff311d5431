// This module is browser compatible.
import { fillKernel } from "../../kernels/elementwise.ts";
import type { Storage, StorageType } from "../backend/backend.ts";
import { ObservedBackend } from "./observed_backend.ts";

/**
 * A backend whose new memory is full of NaN. Freed memory is used again, right results still in it: a kernel that
 * does nothing would pass for one that does its work.
 */
export class PoisonedBackend extends ObservedBackend {
  override alloc(length: number, type: StorageType = "f32"): Storage {
    const storage = super.alloc(length, type);
    if (type === "f32") this.run(fillKernel, { y: storage }, { count: length, value: NaN });
    return storage;
  }
}
