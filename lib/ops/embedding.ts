// This module is browser compatible.
import { embeddingBackwardKernel, embeddingKernel } from "../../kernels/embedding.ts";
import { record } from "../record.ts";
import { Tensor } from "../tensor.ts";
import { zeros } from "./filled.ts";

/**
 * Rows of a matrix by id.
 *
 * @param weight [V, E].
 * @param ids Token ids [...], u32, each below V (not checked on the device).
 * @returns [..., E].
 * @throws {TypeError} If the ids are not u32.
 */
export function embedding(weight: Tensor, ids: Tensor): Tensor {
  if (ids.type !== "u32" || weight.shape.length !== 2) {
    throw new TypeError(`Cannot look up ${ids} in ${weight}: needs u32 ids and a matrix [words, size]`);
  }
  const { backend } = weight;
  const E = weight.shape[1];
  const N = ids.length;
  const y = new Tensor(backend, [...ids.shape, E], { label: "embedding" });
  backend.run(embeddingKernel, { weight: weight.storage, ids: ids.storage, y: y.storage }, { N, E });
  return record(y, [weight], ([dY]) => {
    const dWeight = zeros(backend, weight.shape, { label: "d_weight" });
    const buffers = { ids: ids.storage, d_y: dY!.storage, d_weight: dWeight.storage };
    backend.run(embeddingBackwardKernel, buffers, { N, E });
    return [dWeight];
  });
}
