// This module is browser compatible.
import type { Tensor } from "../tensor.ts";
import { copied } from "./copy.ts";

/** One element of a tensor as a tensor of shape []. Not recorded: for the insides of ops. */
export function narrow(x: Tensor, index: number): Tensor {
  return copied(x, [], { label: x.label, offset: index });
}
