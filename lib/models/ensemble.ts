// This module is browser compatible.
import { geometryOf } from "../image/preprocess.ts";
import { add, concat, exp, log, logSoftmax, relu, scale, slice, sub } from "../ops/mod.ts";
import type { LstmState } from "../ops/lstm_steps.ts";
import type { Tensor } from "../tensor.ts";
import { type Decoder, outputOf } from "./decoder.ts";
import type { LoadedModel } from "./model_file.ts";

/** One model of an ensemble. */
export interface EnsembleMember {
  readonly decoder: Decoder;
  /** What the member's own encoder made of the images [B, P, D]; P and D may differ between members. */
  readonly features: Tensor;
}

/**
 * Several decoders as one: each word has the mean of the probabilities that they give it.
 *
 * For one search of the images whose features the members hold: `begin` is to be given the first member's. There is
 * attention where all members have as many positions: the mean.
 *
 * @param members At least one, with the same vocabulary.
 */
export function ensembleDecoder(members: readonly EnsembleMember[]): Decoder {
  let states: readonly number[] = []; // sizes of the members' states
  let outputs: readonly number[] = []; // and of what their predict() reads
  const split = (x: Tensor, sizes: readonly number[]): Tensor[] => {
    let start = 0;
    return sizes.map((length) => {
      const part = slice(x, { axis: -1, start, length });
      start += length;
      return part;
    });
  };
  let attends = false;
  return {
    words: members[0].decoder.words,
    begin() {
      const starts = members.map(({ decoder, features }) => decoder.begin(features));
      states = starts.map(({ state }) => state.h.shape[1]);
      const memories = starts.map(({ memory }) => memory);
      const [{ features, att1 }] = memories;
      attends = memories.every((memory) => memory.att1 && memory.features.shape[1] === features.shape[1]);
      return {
        memory: { features, members: memories, ...attends && { att1 } },
        state: joined(starts.map(({ state }) => state)),
      };
    },
    read(ids, { memory, state }) {
      const [h, c] = [split(state.h, states), split(state.c, states)];
      const decoded = members.map(({ decoder }, i) =>
        decoder.read(ids, { memory: memory.members![i], state: { h: h[i], c: c[i] } })
      );
      const alphas = decoded.flatMap(({ alphas }) => alphas ?? []);
      const each = decoded.map(outputOf);
      outputs = each.map(({ shape }) => shape.at(-1)!);
      return {
        hidden: concat(decoded.map(({ hidden }) => hidden)),
        output: concat(each),
        cell: concat(decoded.map(({ cell }) => cell)),
        ...attends && { alphas: meanOf(alphas) },
      };
    },
    predict(output) {
      const parts = split(output, outputs);
      return logOfMean(members.map(({ decoder }, i) => logSoftmax(decoder.predict(parts[i]))));
    },
  };
}

function joined(states: readonly LstmState[]): LstmState {
  return { h: concat(states.map(({ h }) => h)), c: concat(states.map(({ c }) => c)) };
}

function meanOf(tensors: readonly Tensor[]): Tensor {
  return scale(tensors.reduce((sum, tensor) => add(sum, tensor)), 1 / tensors.length);
}

/**
 * The logarithms of mean probabilities, from the logarithms of each: the largest is taken out before `exp`, or a word
 * would be lost (the logarithm of 0) where all members give it less than f32 holds, 1e-38.
 */
function logOfMean(logs: readonly Tensor[]): Tensor {
  const largest = logs.reduce((a, b) => add(b, relu(sub(a, b))));
  return add(largest, log(meanOf(logs.map((each) => exp(sub(each, largest))))));
}

/**
 * Checks that models can write together.
 *
 * @throws {RangeError} If their words or the way they see pictures differ: the message says which and how.
 */
export function checkEnsemble(models: readonly Pick<LoadedModel, "model" | "vocabulary">[]): void {
  const [first, ...others] = models;
  others.forEach(({ model, vocabulary }, i) => {
    const fail = (what: string) => {
      throw new RangeError(`Cannot caption with models 1 and ${i + 2} together: ${what}`);
    };
    const { words } = first.vocabulary;
    const different = words.findIndex((word, id) => vocabulary.words[id] !== word);
    if (vocabulary.size !== words.length || different >= 0) {
      const [size, other] = [words.length, vocabulary.size];
      fail(
        size !== other
          ? `they know ${size} and ${other} words, they must know the same`
          : `word ${different} is "${words[different]}" and "${
            vocabulary.words[different]
          }", it must be the same`,
      );
    }
    const seen = [first.model, model].map(({ config }) => JSON.stringify(geometryOf(config.preprocessing)));
    if (seen[0] !== seen[1]) fail(`they see pictures differently, ${seen.join(" and ")}`);
  });
}
