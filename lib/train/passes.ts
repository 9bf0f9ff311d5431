// This module is browser compatible.
import { addInPlaceKernel } from "../../kernels/elementwise.ts";
import { valueAndGrad } from "../autograd.ts";
import { scope } from "../scope.ts";
import type { Tensor } from "../tensor.ts";

/** What a step minimises, and what it reports as cross entropy; shape [] each. */
export interface StepLoss {
  readonly loss: Tensor;
  readonly crossEntropy: Tensor;
}

/** A step's loss with its gradient. */
export interface StepSum extends StepLoss {
  /** One per parameter, in order. */
  readonly grads: readonly Tensor[];
}

/**
 * Sums of losses and gradients over passes, one after another: a pass's activations are freed before the next.
 *
 * @param parameters Tensors to differentiate by.
 * @param passes Each runs the model forwards over a part of the step's batch; the parts' losses add up to the step's.
 */
export function sumOfPasses(parameters: readonly Tensor[], passes: readonly (() => StepLoss)[]): StepSum {
  let sum: StepSum | undefined;
  for (const pass of passes) {
    const made = scope((): StepSum => {
      const { value, grads } = valueAndGrad(parameters, () => {
        const { loss, crossEntropy } = pass();
        return { loss, crossEntropy };
      });
      return { grads, ...value };
    });
    if (sum === undefined) sum = made;
    else addAll(sum, made);
  }
  if (!sum) throw new RangeError("Cannot take a step: it has no pass");
  return sum;
}

/** Adds, and frees what was added. */
function addAll(sum: StepSum, more: StepSum): void {
  const tensors = ({ grads, loss, crossEntropy }: StepSum) => [...grads, loss, crossEntropy];
  const [into, from] = [tensors(sum), tensors(more)];
  const done = new Set<Tensor>(); // the loss may be the cross entropy itself
  into.forEach((y, i) => {
    if (done.has(y)) return;
    done.add(y);
    y.backend.run(addInPlaceKernel, { x: from[i].storage, y: y.storage }, { count: y.length });
    from[i].dispose();
  });
}
