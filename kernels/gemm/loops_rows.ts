// This module is browser compatible.
/** Loops over rows: softmax and cross entropy. An item is a row; addresses are in bytes. */

import { floats, type FunctionBuilder, integers } from "./assembler.ts";
import { eachElement, eachRow, type Lanes, type LoopSet, sumOfLanes } from "./loop_builder.ts";
import { exp, log } from "./math.ts";
import { F32x4, type I32 } from "./values.ts";

/** Walks copies of the pointers over a row. */
function walk(
  f: FunctionBuilder,
  size: I32,
  row: readonly I32[],
  body: (lanes: Lanes, at: I32[]) => void,
): void {
  const at = row.map((pointer) => f.i32(pointer));
  eachElement(f, f.i32(size), at, (lanes) => body(lanes, at));
}

/** A row's largest element, in all lanes; NaN is passed over. */
export function largest(f: FunctionBuilder, x: I32, size: I32): F32x4 {
  const top = f.v128(-Infinity);
  walk(f, size, [x], ({ load, used }, [at]) => f.set(top, top.max(load(at).where(used, -Infinity))));
  f.set(top, top.max(top.shuffle(top, [2, 3, 0, 1])));
  f.set(top, top.max(top.shuffle(top, [1, 0, 3, 2])));
  return top;
}

/** A row's sum of e^(x - top), in all lanes; the powers are stored where `y` is given. */
export function sumOfPowers(f: FunctionBuilder, x: I32, size: I32, top: F32x4, y?: I32): F32x4 {
  const sum = f.v128(0);
  walk(f, size, y ? [x, y] : [x], ({ load, store, used }, [at, to]) => {
    const power = exp(f, f.v128(load(at).sub(top)));
    if (y) store(to, power);
    f.set(sum, sum.add(power.and(used)));
  });
  return f.v128(sumOfLanes(f, sum).splat());
}

/** Defines the loops. Their arguments are the slots' names, in order. */
export function defineRowLoops(loops: LoopSet): void {
  defineSoftmax(loops);

  // entropy = log Σ e^x - x[target], 0 where the target is `ignored`; log_sum_exp [rows, 2], the largest and the rest, for the gradient;
  // row_loss = entropy, and where `smooth` + smoothing x[target] - spread Σ x, with x less the largest
  const LOSS = {
    ...integers("logits", "targets", "rowLoss", "entropy", "logSumExp", "size", "ignored", "smooth"),
    ...floats("smoothing", "spread"),
  };
  loops.define("cross_entropy", { slots: LOSS, cost: 2.5, elements: ["size"] }, (f, p, range) => {
    const { logits, targets, rowLoss, entropy, logSumExp, size, ignored, smooth, smoothing, spread } = p;
    const rowBytes = f.i32(size.shl(2));
    const rows = [
      { at: logits, bytes: rowBytes },
      ...[targets, rowLoss, entropy].map((at) => ({ at, bytes: 4 })),
      { at: logSumExp, bytes: 8 },
    ];
    eachRow(f, range, rows, () => {
      const top = largest(f, logits, size);
      const sum = log(f, sumOfPowers(f, logits, size, top));
      f.store(logSumExp, top.lane(0));
      f.store(logSumExp, sum.lane(0), 4);
      const goal = f.i32(targets.load());
      f.if(goal.eq(ignored), () => {
        f.store(rowLoss, f.f32(0));
        f.store(entropy, f.f32(0));
      }, () => {
        const target = f.f32(logits.add(goal.shl(2)).loadF32().sub(top.lane(0)));
        const plain = f.f32(sum.lane(0).sub(target));
        f.store(entropy, plain);
        f.store(rowLoss, plain);
        f.if(smooth, () => {
          const total = f.v128(0);
          walk(f, size, [logits], ({ load, used }, [at]) => {
            f.set(total, total.add(f.v128(load(at).sub(top)).and(used)));
          });
          const share = sumOfLanes(f, total).mul(spread);
          f.store(rowLoss, plain.add(smoothing.mul(target)).sub(share));
        });
      });
    });
  });

  // d_logits = e^(x - log_sum_exp) factor - spread - [the target] peak, 0 in rows whose target is `ignored`
  const GRADIENT = {
    ...integers("logits", "targets", "logSumExp", "dLogits", "size", "ignored"),
    ...floats("factor", "peak", "spread"),
  };
  loops.define("cross_entropy_backward", { slots: GRADIENT, cost: 2, elements: ["size"] }, (f, p, range) => {
    const { logits, targets, logSumExp, dLogits, size, ignored, factor, peak } = p;
    const rowBytes = f.i32(size.shl(2));
    const whole = [logits, dLogits].map((at) => ({ at, bytes: rowBytes }));
    const single = [{ at: targets, bytes: 4 }, { at: logSumExp, bytes: 8 }];
    eachRow(f, range, [...whole, ...single], () => {
      const goal = f.i32(targets.load());
      f.if(goal.eq(ignored), () => {
        walk(f, size, [dLogits], ({ store }, [to]) => store(to, F32x4.of(0)));
      }, () => {
        const top = f.v128(logSumExp.loadSplat());
        const shift = f.v128(logSumExp.add(4).loadSplat());
        const scale = f.v128(factor.splat());
        const spread = f.v128(p.spread.splat());
        walk(f, size, [logits, dLogits], ({ load, store }, [at, to]) => {
          store(to, exp(f, f.v128(load(at).sub(top).sub(shift))).mul(scale).sub(spread));
        });
        const at = f.i32(dLogits.add(goal.shl(2)));
        f.store(at, at.loadF32().sub(peak));
      });
    });
  });
}

/** y = softmax of each row of x, or its logarithm; and the gradient from y. */
function defineSoftmax(loops: LoopSet): void {
  const SOFTMAX = integers("x", "y", "size", "logarithm");
  loops.define("softmax", { slots: SOFTMAX, cost: 3, elements: ["size"] }, (f, p, range) => {
    const { x, y, size, logarithm } = p;
    const rowBytes = f.i32(size.shl(2));
    eachRow(f, range, [x, y].map((at) => ({ at, bytes: rowBytes })), () => {
      const top = largest(f, x, size);
      f.if(logarithm, () => {
        const shift = f.v128(log(f, sumOfPowers(f, x, size, top)));
        walk(f, size, [x, y], ({ load, store }, [at, to]) => store(to, load(at).sub(top).sub(shift)));
      }, () => {
        const sum = sumOfPowers(f, x, size, top, y);
        walk(f, size, [y], ({ load, store }, [to]) => store(to, load(to).div(sum)));
      });
    });
  });

  const BACKWARD = integers("y", "dY", "dX", "size", "logarithm");
  loops.define("softmax_backward", { slots: BACKWARD, cost: 2, elements: ["size"] }, (f, p, range) => {
    const { y, dY, dX, size, logarithm } = p;
    const rowBytes = f.i32(size.shl(2));
    eachRow(f, range, [y, dY, dX].map((at) => ({ at, bytes: rowBytes })), () => {
      const sum = f.v128(0);
      const total = () => f.v128(sumOfLanes(f, sum).splat());
      f.if(logarithm, () => {
        walk(f, size, [dY], ({ load }, [d]) => f.set(sum, sum.add(load(d))));
        const all = total();
        walk(f, size, [y, dY, dX], ({ load, store }, [at, d, to]) => {
          store(to, load(d).sub(exp(f, load(at)).mul(all)));
        });
      }, () => {
        walk(f, size, [y, dY], ({ load }, [at, d]) => f.set(sum, f.madd(load(at), load(d), sum)));
        const all = total();
        walk(f, size, [y, dY, dX], ({ load, store }, [at, d, to]) => {
          store(to, load(at).mul(load(d).sub(all)));
        });
      });
    });
  });
}
