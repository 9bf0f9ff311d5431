// This module is browser compatible.
import type { Backend } from "../backend/backend.ts";
import { copyKernel } from "../../kernels/elementwise.ts";
import { embedding } from "../ops/embedding.ts";
import type { LstmState } from "../ops/lstm_steps.ts";
import { scope, tensorsIn } from "../scope.ts";
import { Tensor, tensor } from "../tensor.ts";
import { type Decoder, type DecoderMemory, outputOf } from "./decoder.ts";

/** Steps between looks at whether all captions have ended, on a device where a look costs. */
const STEPS_BETWEEN_LOOKS = 8;

/** What {@linkcode SearchRows} is made of. */
export interface SearchRowsOptions {
  /** Rows of each image: beams or samples. */
  readonly copies: number;
  /** Steps whose attention is kept, where `attention` is set. */
  readonly maxLength: number;
  /** Keep the attention of every step. */
  readonly attention: boolean;
}

/** A decoder that writes on N = B · copies rows at once, one word a step, all on the device. */
export class SearchRows {
  readonly backend: Backend;
  /** V, words. */
  readonly words: number;
  /** N. */
  readonly count: number;
  readonly #decoder: Decoder;
  readonly #memory: DecoderMemory;
  readonly #alphas: Tensor | undefined;
  #state: LstmState;

  /** @param features [B, P, D], which stay the caller's. */
  constructor(decoder: Decoder, features: Tensor, { copies, maxLength, attention }: SearchRowsOptions) {
    const { backend } = features;
    this.backend = backend;
    const [B, P] = features.shape;
    const N = B * copies;
    const { start, state } = scope(() => {
      const start = decoder.begin(features);
      const images = Array.from({ length: N }, (_, n) => Math.floor(n / copies));
      const image = tensor(backend, images, { type: "u32", label: "image of row" });
      const state = { h: embedding(start.state.h, image), c: embedding(start.state.c, image) };
      return { start, state };
    });
    start.state.h.dispose();
    start.state.c.dispose();
    this.#decoder = decoder;
    this.#memory = start.memory;
    this.#state = state;
    this.words = decoder.words;
    this.count = N;
    this.#alphas = attention && start.memory.att1
      ? new Tensor(backend, [maxLength, N, P], { label: "history of alphas" })
      : undefined;
  }

  /**
   * Reads one word on every row.
   *
   * @param tokens [1, N], u32.
   * @param t The step, from 0.
   * @param use Is given the logits [N, V] of the next words, which die with the step. Tensors it returns live on.
   */
  read<R>(tokens: Tensor, { t, use }: { readonly t: number; readonly use: (logits: Tensor) => R }): R {
    const before = this.#state;
    const { state, result } = scope(() => {
      const decoded = this.#decoder.read(tokens, { memory: this.#memory, state: before });
      const { hidden, cell, alphas } = decoded;
      if (this.#alphas && alphas) {
        const slice = { count: alphas.length, x_offset: 0, y_offset: t * alphas.length };
        alphas.backend.run(copyKernel, { x: alphas.storage, y: this.#alphas.storage }, slice);
      }
      const h = hidden.view([this.count, hidden.shape[2]]);
      const output = outputOf(decoded);
      const logits = this.#decoder.predict(output.view([this.count, output.shape[2]]));
      return { state: { h, c: cell }, result: use(logits) };
    });
    this.#replace(state);
    return result;
  }

  /** Row n goes on from what row `parents[n]` has read. */
  reorder(parents: Tensor): void {
    const { h, c } = this.#state;
    this.#replace(scope(() => ({ h: embedding(h, parents), c: embedding(c, parents) })));
  }

  /**
   * Whether everything has ended. It is looked at after each step where that costs nothing, on the CPU, else after every
   * eighth: false in between.
   *
   * @param ended Counts of what has ended, any shape.
   * @param options `full`: where each of them stops. `steps`: taken so far.
   */
  async allEnded(
    ended: Tensor,
    { full, steps }: { readonly full: number; readonly steps: number },
  ): Promise<boolean> {
    const look = this.backend.name === "cpu" || steps % STEPS_BETWEEN_LOOKS === 0;
    return look && (await ended.read()).every((count) => count === full);
  }

  /** The attention of all steps [maxLength, N, P], where it is kept. */
  async alphas(): Promise<ArrayLike<number> | undefined> {
    return await this.#alphas?.read();
  }

  dispose(): void {
    for (const tensor of tensorsIn([made(this.#memory), this.#state, this.#alphas])) tensor.dispose();
  }

  #replace(state: LstmState): void {
    this.#state.h.dispose();
    this.#state.c.dispose();
    this.#state = state;
  }
}

/** What a decoder made to remember; the features are the caller's. */
function made({ values, att1, members = [] }: DecoderMemory): Tensor[] {
  return [...values ? [values] : [], ...att1 ? [att1] : [], ...members.flatMap(made)];
}
