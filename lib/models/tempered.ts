// This module is browser compatible.
import { scale } from "../ops/scale.ts";
import type { Decoder } from "./decoder.ts";

/**
 * A decoder whose words have the probabilities softmax(logits / temperature): above 1 it is less sure, below 1 surer.
 *
 * @throws {RangeError} If the temperature is not a positive number.
 */
export function tempered(decoder: Decoder, temperature: number): Decoder {
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new RangeError(`Cannot use the temperature ${temperature}: it must be a number above 0`);
  }
  if (temperature === 1) return decoder;
  return { ...decoder, predict: (output) => scale(decoder.predict(output), 1 / temperature) };
}
