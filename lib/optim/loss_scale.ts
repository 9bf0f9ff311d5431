// This module is browser compatible.
import { lossScaleKernel } from "../../kernels/loss_scale.ts";
import { mul } from "../ops/arithmetic.ts";
import { narrow } from "../ops/narrow.ts";
import { type Tensor, tensor } from "../tensor.ts";
import type { Backend } from "../backend/backend.ts";

/** Options of {@linkcode LossScale}. */
export interface LossScaleOptions {
  /** What the loss is multiplied with at first. Default 65,536. */
  readonly start?: number;
  /** Good steps in a row after which it is doubled. Default 2,000. */
  readonly interval?: number;
}

/** Powers of two alone, so that scaling and unscaling are exact. */
const LEAST = 1;
const MOST = 2 ** 24;

/**
 * Keeps small gradients out of f16's hole around 0: the loss is multiplied with a scale that finds its own size.
 *
 * A step whose gradients overflow is skipped and halves the scale; after enough good ones it is doubled
 * (Micikevicius et al., 2018; start, factors and interval are those of `torch.cuda.amp.GradScaler`). All of it stays
 * on the device.
 */
export class LossScale {
  /** [3]: the scale, good steps since it changed, steps skipped. */
  readonly state: Tensor;
  readonly #interval: number;

  /** Make it outside any scope. */
  constructor(backend: Backend, { start = 65_536, interval = 2000 }: LossScaleOptions = {}) {
    this.state = tensor(backend, [start, 0, 0], { label: "loss scale" });
    this.#interval = interval;
  }

  /** The loss times the scale, recorded. */
  scaled(loss: Tensor): Tensor {
    return mul(loss, narrow(this.state, 0));
  }

  /** Learns from a step. @param factor From GradientNorm.measure. */
  update(factor: Tensor): void {
    const buffers = { factor: factor.storage, state: this.state.storage };
    const limits = { interval: this.#interval, least: LEAST, most: MOST };
    this.state.backend.run(lossScaleKernel, buffers, limits);
  }

  dispose(): void {
    this.state.dispose();
  }
}
