// This module is browser compatible.
import { softmaxBackwardKernel, softmaxKernel } from "../../kernels/softmax.ts";
import { record } from "../record.ts";
import { sizeOf, Tensor } from "../tensor.ts";

/** `exp(x) / sum exp(x)` along an axis (default: the last), computed from `x - max x`. */
export function softmax(x: Tensor, options: { axis?: number } = {}): Tensor {
  return alongAxis(x, options.axis ?? -1, "softmax");
}

/** The logarithm of {@linkcode softmax}, without taking it of small numbers. */
export function logSoftmax(x: Tensor, options: { axis?: number } = {}): Tensor {
  return alongAxis(x, options.axis ?? -1, "log_softmax");
}

function alongAxis(x: Tensor, axis: number, label: string): Tensor {
  const at = axis < 0 ? x.shape.length + axis : axis;
  if (!(at in x.shape)) {
    throw new RangeError(
      `Cannot take ${label} of ${x} along axis ${axis}: it has axes 0 to ${x.shape.length - 1}`,
    );
  }
  const params = {
    outer: sizeOf(x.shape.slice(0, at)),
    size: x.shape[at],
    inner: sizeOf(x.shape.slice(at + 1)),
    x_offset: 0,
    y_offset: 0,
    logarithm: Number(label === "log_softmax"),
  };
  const y = new Tensor(x.backend, x.shape, { label });
  x.backend.run(softmaxKernel, { x: x.storage, y: y.storage }, params);
  return record(y, [x], ([dY]) => {
    const dX = new Tensor(x.backend, x.shape, { label: "d_x" });
    const buffers = { y: y.storage, d_y: dY!.storage, d_x: dX.storage };
    x.backend.run(softmaxBackwardKernel, buffers, params);
    return [dX];
  });
}
