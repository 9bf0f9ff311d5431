// This module is browser compatible.
/** Loops of the LSTM cell and of additive attention. An item is a row of the batch; addresses are in bytes. */

import { type FunctionBuilder, integers } from "./assembler.ts";
import { eachElement, eachRow, type LoopSet, sumOfLanes } from "./loop_builder.ts";
import { sigmoid, tanh } from "./math.ts";
import { F32x4, type I32 } from "./values.ts";

/** Defines the loops. Their arguments are the slots' names, in order. */
export function defineRecurrentLoops(loops: LoopSet): void {
  // gates [B, 4H], order i f g o, become their activations; c = f c₀ + i g, h = o tanh(c)
  const CELL = integers("gates", "cBefore", "c", "h", "hidden");
  loops.define("lstm_cell", { slots: CELL, cost: 14, elements: ["hidden"] }, (f, p, range) => {
    const { gates, cBefore, c, h, hidden } = p;
    const bytes = f.i32(hidden.shl(2));
    const rows = [{ at: gates, bytes: f.i32(bytes.shl(2)) }, ...[cBefore, c, h].map((at) => ({ at, bytes }))];
    eachRow(f, range, rows, () => {
      const [i, forget, g, o] = gateRows(f, gates, bytes);
      const [before, after, out] = [cBefore, c, h].map((at) => f.i32(at));
      eachElement(f, f.i32(hidden), [i, forget, g, o, before, after, out], ({ load, store }) => {
        const input = sigmoid(f, load(i));
        const keep = sigmoid(f, load(forget));
        const value = tanh(f, load(g));
        const output = sigmoid(f, load(o));
        for (const [at, gate] of [[i, input], [forget, keep], [g, value], [o, output]] as const) {
          store(at, gate);
        }
        const state = f.v128(f.madd(keep, load(before), input.mul(value)));
        store(after, state);
        store(out, output.mul(tanh(f, state)));
      });
    });
  });

  // gates become the gradients of their sums, dC that of the state before
  const CELL_BACKWARD = integers("gates", "cBefore", "c", "dH", "dC", "hidden");
  loops.define(
    "lstm_cell_backward",
    { slots: CELL_BACKWARD, cost: 6, elements: ["hidden"] },
    (f, p, range) => {
      const { gates, cBefore, c, dH, dC, hidden } = p;
      const bytes = f.i32(hidden.shl(2));
      const states = [cBefore, c, dH, dC];
      const rows = [{ at: gates, bytes: f.i32(bytes.shl(2)) }, ...states.map((at) => ({ at, bytes }))];
      eachRow(f, range, rows, () => {
        const [i, forget, g, o] = gateRows(f, gates, bytes);
        const [before, after, dOut, dState] = states.map((at) => f.i32(at));
        const one = F32x4.of(1);
        eachElement(f, f.i32(hidden), [i, forget, g, o, before, after, dOut, dState], ({ load, store }) => {
          const [input, keep, value, output] = [load(i), load(forget), load(g), load(o)];
          const squashed = tanh(f, load(after));
          const d = load(dOut);
          const ofState = f.v128(f.madd(d.mul(output), one.sub(squashed.mul(squashed)), load(dState)));
          store(i, ofState.mul(value).mul(input).mul(one.sub(input)));
          store(forget, ofState.mul(load(before)).mul(keep).mul(one.sub(keep)));
          store(g, ofState.mul(input).mul(one.sub(value.mul(value))));
          store(o, d.mul(squashed).mul(output).mul(one.sub(output)));
          store(dState, ofState.mul(keep));
        });
      });
    },
  );
  defineAttention(loops, RELU);
  defineAttention(loops, TANH);
}

/** Pointers to a row's four gates. */
function gateRows(f: FunctionBuilder, gates: I32, bytes: I32): I32[] {
  const rows = [f.i32(gates)];
  for (let gate = 1; gate < 4; gate++) rows.push(f.i32(rows[gate - 1].add(bytes)));
  return rows;
}

/** What is applied to att1 + att2. */
interface Squash {
  /** Of the loops' names. */
  readonly suffix: string;
  readonly cost: number;
  value(f: FunctionBuilder, u: F32x4): F32x4;
  /** A gradient of the value as one of u, and the value. */
  backward(f: FunctionBuilder, d: F32x4, u: F32x4): { readonly d: F32x4; readonly value: F32x4 };
}

const RELU: Squash = {
  suffix: "",
  cost: 0.4,
  value: (_, u) => u.max(0),
  backward: (_, d, u) => ({ d: d.and(u.gt(0)), value: u.max(0) }),
};

const TANH: Squash = {
  suffix: "_tanh",
  cost: 3,
  value: tanh,
  backward(f, d, u) {
    const value = f.v128(tanh(f, u));
    return { d: d.mul(F32x4.of(1).sub(value.mul(value))), value };
  },
};

/** att1 [images, P, A], att2 [N, A], full [A]; row n belongs to image n / beams. */
function defineAttention(loops: LoopSet, squash: Squash): void {
  const name = (loop: string) => `${loop}${squash.suffix}`;
  const { cost } = squash;
  // scores [N, P] = bias + Σ_a full[a] squash(att1[p, a] + att2[a]); bias is an address
  const SCORES = integers("att1", "att2", "full", "bias", "scores", "positions", "width", "beams");
  const perRow = { elements: ["positions", "width"] };
  loops.define(name("attention_scores"), { slots: SCORES, cost, ...perRow }, (f, p, range) => {
    const { att1, att2, full, bias, scores, positions, width, beams } = p;
    const bytes = f.i32(width.shl(2));
    const row = f.i32(range.first);
    const rows = [{ at: att2, bytes }, { at: scores, bytes: f.i32(positions.shl(2)) }];
    eachRow(f, range, rows, () => {
      const position = f.i32(att1.add(row.div(beams).mul(positions).mul(bytes)));
      const to = f.i32(scores);
      const left = f.i32(positions);
      // Several positions at a time: a sum alone would wait for itself.
      for (const together of [4, 1]) {
        f.while(left.ge(together), () => {
          const at = Array.from({ length: together }, (_, index) => f.i32(position.add(bytes.mul(index))));
          const sums = at.map(() => f.v128(0));
          const [state, weight] = [f.i32(att2), f.i32(full)];
          eachElement(f, f.i32(width), [...at, state, weight], ({ load }) => {
            const [s, w] = [load(state), load(weight)];
            for (const [index, sum] of sums.entries()) {
              f.set(sum, f.madd(squash.value(f, f.v128(load(at[index]).add(s))), w, sum));
            }
          });
          for (const [index, sum] of sums.entries()) {
            f.store(to, sumOfLanes(f, sum).add(bias.loadF32()), 4 * index);
          }
          f.step(position, bytes.mul(together));
          f.step(to, 4 * together);
          f.step(left, -together);
        });
      }
      f.step(row, 1);
    });
  });

  // dAtt2 [B, A] from alpha [B, P] and dAlpha, through the softmax and squash
  const BACKWARD = integers("alpha", "att1", "att2", "full", "dAlpha", "dAtt2", "positions", "width");
  loops.define(name("attention_scores_backward"), { slots: BACKWARD, cost, ...perRow }, (f, p, range) => {
    const { alpha, att1, att2, full, dAlpha, dAtt2, positions, width } = p;
    const [bytes, rowBytes] = [f.i32(width.shl(2)), f.i32(positions.shl(2))];
    const rows = [
      ...[alpha, dAlpha].map((at) => ({ at, bytes: rowBytes })),
      ...[att2, dAtt2].map((at) => ({ at, bytes })),
      { at: att1, bytes: f.i32(positions.mul(bytes)) },
    ];
    eachRow(f, range, rows, () => {
      const inner = f.v128(0);
      const [weight, d] = [f.i32(alpha), f.i32(dAlpha)];
      eachElement(f, f.i32(positions), [weight, d], ({ load }) => {
        f.set(inner, f.madd(load(weight), load(d), inner));
      });
      const mean = f.v128(sumOfLanes(f, inner).splat());
      const [column, state, factor, to] = [f.i32(att1), f.i32(att2), f.i32(full), f.i32(dAtt2)];
      eachElement(f, f.i32(width), [column, state, factor, to], ({ load, store }) => {
        const sum = f.v128(0);
        const shift = load(state);
        const at = f.i32(column);
        f.set(weight, alpha);
        f.set(d, dAlpha);
        const left = f.i32(positions);
        f.while(left, () => {
          const share = f.v128(weight.loadSplat().mul(d.loadSplat().sub(mean)));
          f.set(sum, sum.add(squash.backward(f, share, f.v128(load(at).add(shift))).d));
          f.step(at, bytes);
          f.step(weight, 4);
          f.step(d, 4);
          f.step(left, -1);
        });
        store(to, sum.mul(load(factor)));
      });
    });
  });

  // dAtt1 and fullPart [B, P, A] over all steps, from dScore [T, B, P] and att2 [T, B, A]; an item is a position
  const SUMS = integers(
    ...[
      "att1",
      "att2",
      "full",
      "dScore",
      "dAtt1",
      "fullPart",
      "steps",
      "batch",
      "positions",
      "width",
    ] as const,
  );
  const perPosition = { elements: ["steps", "width"] };
  loops.define(name("attention_sum_backward"), { slots: SUMS, cost, ...perPosition }, (f, p, range) => {
    const { att1, att2, full, dScore, dAtt1, fullPart, steps, batch, positions, width } = p;
    const bytes = f.i32(width.shl(2));
    const stepBytes = f.i32(batch.mul(bytes)); // of att2
    const scoreBytes = f.i32(batch.mul(positions).shl(2));
    const position = f.i32(range.first);
    const rows = [...[att1, dAtt1, fullPart].map((at) => ({ at, bytes })), { at: dScore, bytes: 4 }];
    eachRow(f, range, rows, () => {
      const state = f.i32(att2.add(position.div(positions).mul(bytes)));
      const [at, weight, dAt, part] = [f.i32(att1), f.i32(full), f.i32(dAtt1), f.i32(fullPart)];
      eachElement(f, f.i32(width), [at, weight, dAt, part, state], ({ load, store }) => {
        const [sum, product] = [f.v128(0), f.v128(0)];
        const own = load(at);
        const [stateAt, d] = [f.i32(state), f.i32(dScore)];
        const left = f.i32(steps);
        f.while(left, () => {
          const u = f.v128(own.add(load(stateAt)));
          const score = f.v128(d.loadSplat());
          const { d: passed, value } = squash.backward(f, score, u);
          f.set(sum, sum.add(passed));
          f.set(product, f.madd(score, value, product));
          f.step(stateAt, stepBytes);
          f.step(d, scoreBytes);
          f.step(left, -1);
        });
        store(dAt, sum.mul(load(weight)));
        store(part, product);
      });
      f.step(position, 1);
    });
  });
}
