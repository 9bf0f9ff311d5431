// This module is browser compatible.
/** Copies on the device. Not recorded: for the insides of ops. */

import { copyKernel } from "../../kernels/elementwise.ts";
import { type Shape, Tensor } from "../tensor.ts";
import { zeros } from "./filled.ts";

/** Fills `to` with numbers of `from`, those from number `offset` on. */
export function copyInto(to: Tensor, from: Tensor, offset = 0): void {
  const buffers = { x: from.storage, y: to.storage };
  to.backend.run(copyKernel, buffers, { count: to.length, x_offset: offset, y_offset: 0 });
}

/** A tensor of its own with as many numbers of `from` as `shape` has, those from number `offset` on. */
export function copied(
  from: Tensor,
  shape: Shape,
  { label, offset }: { readonly label: string; readonly offset?: number },
): Tensor {
  const y = new Tensor(from.backend, shape, { label });
  copyInto(y, from, offset);
  return y;
}

/** A gradient for `like` that may be added to: a copy of the one there is, else zeros. */
export function ownGradient(gradient: Tensor | undefined, like: Tensor): Tensor {
  const label = `d_${like.label}`;
  return gradient ? copied(gradient, like.shape, { label }) : zeros(like.backend, like.shape, { label });
}
