// This module is browser compatible.
/** The loop of beam search: the k best words of each beam. An item is a beam; addresses are in bytes. */

import { type FunctionBuilder, integers } from "./assembler.ts";
import { eachRow, type LoopSet } from "./loop_builder.ts";
import { largest, sumOfPowers } from "./loops_rows.ts";
import { log } from "./math.ts";
import { F32, type F32x4, I32 } from "./values.ts";

/** The lowest f32: the score of a beam that is not there. `LOWEST_SCORE` of `kernels/beam.ts`. */
const LOWEST = -3.4028234663852886e38;

/** Defines the loop. Its arguments are the slots' names, in order. */
export function defineBeamLoop(loops: LoopSet): void {
  // The outputs [N, k] hold the best logits and their words while a row is searched, best first, ties by word.
  const SLOTS = integers("logits", "scores", "banned", "candidateScores", "candidateWords", "size", "k");
  loops.define("beam_candidates", { slots: SLOTS, cost: 2.5, elements: ["size"] }, (f, p, range) => {
    const { logits, scores, banned, candidateScores: best, candidateWords: words, size, k } = p;
    const [rowBytes, bestBytes] = [f.i32(size.shl(2)), f.i32(k.shl(2))];
    const rows = [
      { at: logits, bytes: rowBytes },
      { at: scores, bytes: 4 },
      ...[best, words].map((at) => ({ at, bytes: bestBytes })),
    ];
    const [found, place, value] = [f.i32(), f.i32(), f.f32()];

    /** Takes word v in where it is better than one of those found, or there are too few. */
    const consider = (v: I32) => {
      f.set(value, logits.add(v.shl(2)).loadF32());
      const full = f.i32(found.eq(k));
      const wanted = full.not().or(best.add(k.shl(2)).sub(4).loadF32().lt(value));
      f.if(banned.add(v.shl(2)).load().not().and(wanted), () => {
        // The place behind the last one; the worst gives way where all are taken.
        f.set(found, found.add(full.not()));
        f.set(place, found.sub(1).shl(2));
        const before = best.add(place).sub(4);
        f.while(before.loadF32().lt(value).and(place.ne(0)), () => {
          f.store(best.add(place), before.loadF32());
          f.store(words.add(place), words.add(place).sub(4).load());
          f.step(place, -4);
        });
        f.store(best.add(place), value);
        f.store(words.add(place), v);
      });
    };

    eachRow(f, range, rows, () => {
      const top = largest(f, logits, size);
      const logarithm = log(f, sumOfPowers(f, logits, size, top));
      f.set(found, I32.of(0));
      const v = f.i32(0);
      f.while(found.lt(k).and(v.lt(size)), () => {
        consider(v);
        f.step(v, 1);
      });
      // Hardly a word is among the best: four are dismissed by one comparison.
      const four = f.v128();
      f.while(v.add(3).lt(size), () => {
        f.set(four, logits.add(v.shl(2)).loadVector());
        f.if(anyAbove(four, best.add(k.shl(2)).sub(4)), () => {
          for (let lane = 0; lane < 4; lane++) consider(f.i32(v.add(lane)));
        });
        f.step(v, 4);
      });
      f.while(v.lt(size), () => {
        consider(v);
        f.step(v, 1);
      });
      finish(f, {
        best,
        words,
        found,
        k,
        beam: f.f32(scores.loadF32()),
        top: top.lane(0),
        sum: logarithm.lane(0),
      });
    });
  });
}

/** Whether one of four logits is above the worst of those found. */
function anyAbove(four: F32x4, worst: I32): I32 {
  return four.gt(worst.loadSplat()).any();
}

/** Logits become scores: the beam's own plus the word's log-probability. What was not found gets the lowest. */
function finish(
  f: FunctionBuilder,
  p: { best: I32; words: I32; found: I32; k: I32; beam: F32; top: F32; sum: F32 },
): void {
  const [top, sum] = [f.f32(p.top), f.f32(p.sum)];
  const alive = f.i32(F32.of(LOWEST).lt(p.beam));
  f.for(0, p.k, 1, (rank) => {
    const at = f.i32(rank.shl(2));
    const there = f.i32(rank.lt(p.found));
    f.if(there.not(), () => f.store(p.words.add(at), I32.of(0)));
    const score = p.beam.add(p.best.add(at).loadF32().sub(top).sub(sum));
    f.store(p.best.add(at), score.where(there.and(alive), LOWEST));
  });
}
