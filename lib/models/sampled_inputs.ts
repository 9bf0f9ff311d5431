// This module is browser compatible.
import { sampledInputsKernel } from "../../kernels/sampled_inputs.ts";
import { sampleKernel } from "../../kernels/sample.ts";
import { withoutTape } from "../record.ts";
import { scope } from "../scope.ts";
import { Tensor, tensor } from "../tensor.ts";
import { END, PAD } from "../text/vocabulary.ts";
import { type Decoder, type DecoderStart, outputOf } from "./decoder.ts";

/** How often a decoder reads a word of its own in place of the true one (Bengio et al., 2015). */
export interface WordSampling {
  /** Probability of each word after the first. */
  readonly probability: number;
  /** A u32 that names the choices and the drawn words. */
  readonly seed: number;
}

/**
 * The words that a decoder reads with scheduled sampling: each after the start token is, with the given probability,
 * drawn from what the model itself predicted there.
 *
 * The decoder runs one word at a time, without a tape and without dropout; the training pass then reads the result as
 * if it were true. So no gradient flows through the drawn words, as in PyTorch implementations. Padding stays.
 *
 * @param start Where the decoder begins; one row an image.
 * @param inputs True words [T, N], u32.
 * @param options `firstRow`: which row of a larger batch row 0 is, so that a part draws what the whole would. Default 0.
 * @returns Words to read [T, N], u32.
 */
export function sampledInputs(
  decoder: Decoder,
  start: DecoderStart,
  inputs: Tensor,
  { probability, seed, firstRow = 0 }: WordSampling & { readonly firstRow?: number },
): Tensor {
  const { backend } = inputs;
  const [T, N] = inputs.shape;
  return withoutTape(() => {
    const ids = (shape: readonly number[], label: string) =>
      new Tensor(backend, shape, { type: "u32", label });
    const mixed = ids([T, N], "sampled inputs");
    const [words, drawn, history] = [ids([1, N], "words"), ids([N], "drawn"), ids([N], "drawn words")];
    const scores = new Tensor(backend, [N], { label: "drawn scores" });
    const ended = tensor(backend, new Uint32Array(N), { type: "u32", label: "ended" });
    const banned = tensor(backend, new Uint32Array(decoder.words), { type: "u32", label: "banned" });
    const mix = (t: number) => {
      const chance = Math.round((t === 0 ? 0 : probability) * 2 ** 24);
      backend.run(sampledInputsKernel, {
        truth: inputs.storage,
        drawn: drawn.storage,
        mixed: mixed.storage,
        words: words.storage,
        ended: ended.storage,
      }, { N, t, seed: seed >>> 0, chance, first_row: firstRow, pad: PAD });
    };
    const draw = (logits: Tensor, t: number) =>
      backend.run(sampleKernel, {
        logits: logits.storage,
        banned: banned.storage,
        tokens: drawn.storage,
        ended: ended.storage,
        history_words: history.storage,
        history_scores: scores.storage,
      }, {
        ...{ N, V: decoder.words, t: 0, samples: 1, first_image: firstRow, seed: (seed + t) >>> 0 },
        ...{ top_k: 0, top_p: 1, end: END },
      });
    mix(0);
    let { state } = start;
    for (let t = 1; t < T; t++) {
      const before = state;
      state = scope(() => {
        const decoded = decoder.read(words, { memory: start.memory, state: before });
        const { hidden, cell } = decoded;
        const output = outputOf(decoded);
        draw(decoder.predict(output.view([N, output.shape[2]])), t);
        return { h: hidden.view([N, hidden.shape[2]]), c: cell };
      });
      if (before !== start.state) { for (const x of [before.h, before.c]) x.dispose(); }
      mix(t);
    }
    return mixed;
  });
}
