// This module is browser compatible.
/** Loops over single elements. An item is an element; addresses are in bytes. */

import { floats, type FunctionBuilder, integers } from "./assembler.ts";
import { eachElement, type LoopSet, sumOfLanes } from "./loop_builder.ts";
import { exp, sigmoid, tanh } from "./math.ts";
import { type F32, F32x4 } from "./values.ts";

/** Defines the loops. Their arguments are the slots' names, in order. */
export function defineElementwiseLoops(loops: LoopSet): void {
  // y = f(x)
  const map = (name: string, cost: number, compute: (f: FunctionBuilder, x: F32x4) => F32x4) => {
    loops.define(name, { slots: integers("x", "y"), cost }, (f, { x, y }, { first, count }) => {
      f.step(x, first.shl(2));
      f.step(y, first.shl(2));
      eachElement(f, count, [x, y], ({ load, store }) => store(y, compute(f, load(x))));
    });
  };
  map("relu", 0.3, (_, x) => x.max(0));
  map("relu6", 0.3, (_, x) => x.max(0).min(6));
  map("exp", 2, exp);
  map("sigmoid", 2.5, sigmoid);
  map("tanh", 3, tanh);

  // y = a ∘ b
  const combine = (name: string, compute: (a: F32x4, b: F32x4) => F32x4) => {
    const slots = integers("a", "b", "y");
    loops.define(name, { slots, cost: 0.4 }, (f, { a, b, y }, { first, count }) => {
      for (const pointer of [a, b, y]) f.step(pointer, first.shl(2));
      eachElement(f, count, [a, b, y], ({ load, store }) => store(y, compute(load(a), load(b))));
    });
  };
  combine("add", (a, b) => a.add(b));
  combine("subtract", (a, b) => a.sub(b));
  combine("multiply", (a, b) => a.mul(b));
  combine("divide", (a, b) => a.div(b));
  // From the output y and d_y: a = y, b = d_y, y = d_x.
  combine("relu_backward", (y, dY) => F32x4.of(0).where(y.le(0), dY));
  combine("relu6_backward", (y, dY) => F32x4.of(0).where(y.le(0).or(y.ge(6)), dY));
  combine("sigmoid_backward", (y, dY) => dY.mul(y).mul(F32x4.of(1).sub(y)));
  combine("tanh_backward", (y, dY) => dY.mul(F32x4.of(1).sub(y.mul(y))));

  // y = alpha x
  const SCALE = { ...integers("x", "y"), ...floats("alpha") };
  loops.define("scale", { slots: SCALE, cost: 0.3 }, (f, { x, y, alpha }, { first, count }) => {
    const factor = f.v128(alpha.splat());
    for (const pointer of [x, y]) f.step(pointer, first.shl(2));
    eachElement(f, count, [x, y], ({ load, store }) => store(y, load(x).mul(factor)));
  });
  // y += alpha x
  loops.define("axpy", { slots: SCALE, cost: 0.4 }, (f, { x, y, alpha }, { first, count }) => {
    const factor = f.v128(alpha.splat());
    for (const pointer of [x, y]) f.step(pointer, first.shl(2));
    eachElement(f, count, [x, y], ({ load, store }) => store(y, f.madd(load(x), factor, load(y))));
  });

  // gated = sigmoid(logits) x
  const GATE = integers("logits", "x", "gated");
  loops.define("sigmoid_gate", { slots: GATE, cost: 3 }, (f, { logits, x, gated }, { first, count }) => {
    for (const pointer of [logits, x, gated]) f.step(pointer, first.shl(2));
    eachElement(f, count, [logits, x, gated], ({ load, store }) => {
      store(gated, load(x).mul(sigmoid(f, load(logits))));
    });
  });
  // d_x holds d_gated before; d_logits = d_gated x s (1 - s), d_x = d_gated s
  const GATE_BACKWARD = integers("logits", "x", "dLogits", "dX");
  loops.define("sigmoid_gate_backward", { slots: GATE_BACKWARD, cost: 3.5 }, (f, p, { first, count }) => {
    const { logits, x, dLogits, dX } = p;
    for (const pointer of [logits, x, dLogits, dX]) f.step(pointer, first.shl(2));
    eachElement(f, count, [logits, x, dLogits, dX], ({ load, store }) => {
      const gate = sigmoid(f, load(logits));
      const passed = f.v128(load(dX).mul(gate));
      store(dLogits, passed.mul(load(x)).mul(F32x4.of(1).sub(gate)));
      store(dX, passed);
    });
  });

  defineAdam(loops);
  defineSgd(loops);
  defineSumSquares(loops);
}

/**
 * g = clamp(gradientScale gradient, ±most) + l2 p; m = beta1 m + decay1 g; v = beta2 v + decay2 g²;
 * p = keep p - rate (m c1) / (√(v c2) + epsilon).
 */
function defineAdam(loops: LoopSet): void {
  const slots = {
    ...integers("parameter", "gradient", "m", "v"),
    ...floats("rate", "beta1", "beta2", "decay1", "decay2", "epsilon", "correction1", "correction2"),
    ...floats("gradientScale", "most", "l2", "keep"),
  };
  loops.define("adam", { slots, cost: 1.2 }, (f, p, { first, count }) => {
    const { parameter, gradient, m, v } = p;
    const pointers = [parameter, gradient, m, v];
    for (const pointer of pointers) f.step(pointer, first.shl(2));
    const rate = f.v128(p.rate.mul(p.correction1).splat());
    const [beta1, beta2] = [f.v128(p.beta1.splat()), f.v128(p.beta2.splat())];
    const [decay1, decay2] = [f.v128(p.decay1.splat()), f.v128(p.decay2.splat())];
    const [epsilon, correction2] = [f.v128(p.epsilon.splat()), f.v128(p.correction2.splat())];
    const [l2, keep] = [f.v128(p.l2.splat()), f.v128(p.keep.splat())];
    const clipped = clipper(f, p);
    eachElement(f, count, pointers, ({ load, store }) => {
      const before = f.v128(load(parameter));
      const g = f.v128(clipped(load(gradient)).add(l2.mul(before)));
      const mean = f.v128(f.madd(beta1, load(m), decay1.mul(g)));
      const variance = f.v128(f.madd(beta2, load(v), decay2.mul(g).mul(g)));
      store(m, mean);
      store(v, variance);
      const step = rate.mul(mean).div(variance.mul(correction2).sqrt().add(epsilon));
      store(parameter, keep.mul(before).sub(step));
    });
  });
}

/** g = clamp(gradientScale gradient, ±most) + l2 p; velocity = momentum velocity + g; p -= rate velocity. */
function defineSgd(loops: LoopSet): void {
  const slots = {
    ...integers("parameter", "gradient", "velocity"),
    ...floats("rate", "momentum", "gradientScale", "most", "l2"),
  };
  loops.define("sgd", { slots, cost: 0.8 }, (f, p, { first, count }) => {
    const { parameter, gradient, velocity } = p;
    const pointers = [parameter, gradient, velocity];
    for (const pointer of pointers) f.step(pointer, first.shl(2));
    const [rate, momentum, l2] = [f.v128(p.rate.splat()), f.v128(p.momentum.splat()), f.v128(p.l2.splat())];
    const clipped = clipper(f, p);
    eachElement(f, count, pointers, ({ load, store }) => {
      const before = f.v128(load(parameter));
      const g = clipped(load(gradient)).add(l2.mul(before));
      const faster = f.v128(momentum.mul(load(velocity)).add(g));
      store(velocity, faster);
      store(parameter, before.sub(rate.mul(faster)));
    });
  });
}

/** What scales a gradient and holds it between ±most. */
function clipper(
  f: FunctionBuilder,
  { gradientScale, most }: { readonly gradientScale: F32; readonly most: F32 },
): (gradient: F32x4) => F32x4 {
  const scale = f.v128(gradientScale.splat());
  const highest = f.v128(most.splat());
  const lowest = f.v128(F32x4.of(0).sub(highest));
  return (gradient) => gradient.mul(scale).min(highest).max(lowest);
}

/** partials[chunk] = the chunk's sum of squares, in four accumulators of four lanes. */
function defineSumSquares(loops: LoopSet): void {
  const slots = integers("x", "partials");
  loops.define(
    "sum_squares",
    { slots, cost: 0.3, reduces: true },
    (f, { x, partials }, { first, count, chunk }) => {
      f.step(x, first.shl(2));
      const sums = [0, 1, 2, 3].map(() => f.v128(0));
      const add = (sum: F32x4, read: F32x4) => {
        const value = f.v128(read);
        f.set(sum, f.madd(value, value, sum));
      };
      f.while(count.ge(16), () => {
        for (const [index, sum] of sums.entries()) add(sum, x.loadVector(16 * index));
        f.step(x, 64);
        f.step(count, -16);
      });
      eachElement(f, count, [x], ({ load }) => add(sums[0], load(x)));
      const total = f.v128(sums[0].add(sums[1]).add(sums[2].add(sums[3])));
      f.store(partials.add(chunk.shl(2)), sumOfLanes(f, total));
    },
  );
}
