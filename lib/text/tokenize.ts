// This module is browser compatible.
/** From a caption to its words: PTB for English as the published scores use it, Unicode segmentation for the rest. */
import { tokenizePtb } from "./ptb.ts";
import { isUnspaced, segmentWords } from "./segment.ts";

export { tokenizePtb } from "./ptb.ts";
export { segmentWords } from "./segment.ts";

/** Names of the tokenizers. */
export const TOKENIZER_NAMES = ["ptb", "segment", "auto"] as const;

/** `ptb`: English, as coco-caption. `segment`: Unicode words. `auto`: segment where a caption's script has no spaces, else ptb. */
export type TokenizerName = typeof TOKENIZER_NAMES[number];

/** From a caption to its words. */
export type Tokenizer = (caption: string) => string[];

/**
 * The tokenizer of a name.
 *
 * @throws {RangeError} If there is none of this name.
 */
export function tokenizer(name: TokenizerName | (string & Record<never, never>)): Tokenizer {
  switch (name) {
    case "ptb":
      return tokenizePtb;
    case "segment":
      return (caption) => segmentWords(caption);
    case "auto":
      return (caption) => isUnspaced(caption) ? segmentWords(caption) : tokenizePtb(caption);
    default:
      throw new RangeError(`Cannot tokenize by "${name}": should be one of ${TOKENIZER_NAMES.join(", ")}`);
  }
}
