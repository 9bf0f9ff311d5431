// This module is browser compatible.
import { addInPlaceKernel } from "../kernels/elementwise.ts";
import { sameShape } from "./ops/broadcast.ts";
import { copied } from "./ops/copy.ts";
import { filled } from "./ops/filled.ts";
import { type Recording, type TapeEntry, withTape } from "./record.ts";
import { collect, release, tensorsIn } from "./scope.ts";
import { Tensor } from "./tensor.ts";

/** What {@linkcode valueAndGrad} returns. */
export interface ValueAndGrad<T> {
  /** What `fn` returned. */
  readonly value: T;
  /** One gradient per parameter, of the same shape; zeros where the loss does not depend on it. */
  readonly grads: Tensor[];
}

/** What `fn` may return: the loss alone, or an object that holds it as `loss` beside anything else. */
export type LossResult = Tensor | { readonly loss: Tensor };

/**
 * Runs `fn` forwards, then walks back through its ops and returns the gradient of the loss for each parameter.
 *
 * Memory is given back on the way: what an op's forward allocated, once its backward has run; each gradient
 * at its last use. What `fn` returns stays.
 *
 * @param parameters Tensors to differentiate by. Others are constants: nothing is computed for them.
 * @param fn Returns the loss, of length 1, or an object with `loss` and whatever else is of interest.
 * @throws {RangeError} If the loss is not a single number.
 */
export function valueAndGrad<T extends LossResult>(
  parameters: readonly Tensor[],
  fn: () => T,
): ValueAndGrad<T> {
  return new Forward(parameters, () => undefined).finish(fn);
}

/**
 * A forward pass in two parts, for a loss that waits for something: between them the host may do other things, await
 * included, while the device runs the first. End it with `finish` or `dispose`.
 */
export class Forward<S> {
  /** What the first part returned. Its tensors live until the end. */
  readonly value: S;
  readonly #parameters: readonly Tensor[];
  readonly #recording: Recording;
  #ended = false;

  /**
   * Runs the first part with a tape.
   *
   * @param parameters As for {@linkcode valueAndGrad}.
   */
  constructor(parameters: readonly Tensor[], fn: () => S) {
    this.#recording = { tape: [], tracked: new Set(parameters), made: new Set() };
    this.#parameters = parameters;
    this.value = this.#run(() => withTape(this.#recording, fn));
  }

  /**
   * Runs the second part, which makes the loss, and walks back through both.
   *
   * @throws {RangeError} If the loss is not a single number.
   * @throws {Error} If this pass has ended before.
   */
  finish<T extends LossResult>(fn: (value: S) => T): ValueAndGrad<T> {
    if (this.#ended) throw new Error("Cannot finish a forward pass twice: its tape is used up");
    this.#ended = true;
    const { tape, tracked, made } = this.#recording;
    let kept = new Set<Tensor>();
    const { value, grads } = this.#run(() => {
      const value = withTape(this.#recording, () => fn(this.value));
      const loss = value instanceof Tensor ? value : value.loss;
      if (loss.length !== 1) {
        throw new RangeError(`Cannot differentiate ${loss}: the loss must be a single number`);
      }
      // What fn returns may hold tensors from outside too: those are not handed to the scope around.
      const inside = new Set([...made, ...tape.flatMap((entry) => entry.made)]);
      kept = new Set(tensorsIn(value)).intersection(inside);
      for (const tensor of made) if (!kept.has(tensor)) tensor.dispose();
      made.clear();
      const grads = walkBack(tape, { loss, parameters: this.#parameters, tracked, kept, made });
      return { value, grads };
    }, () => kept);
    release(kept);
    release(grads);
    return { value, grads };
  }

  /** Ends it without a gradient. */
  dispose(): void {
    this.#ended = true;
    const { tape, made } = this.#recording;
    for (const entry of tape.splice(0)) for (const tensor of entry.made) tensor.dispose();
    for (const tensor of made) tensor.dispose();
    made.clear();
  }

  /** Runs a part, collecting what it makes; frees everything if it fails. */
  #run<R>(fn: () => R, kept: () => Iterable<Tensor> = () => []): R {
    try {
      return collect(fn, this.#recording.made);
    } catch (error) {
      this.dispose();
      for (const tensor of kept()) tensor.dispose();
      throw error;
    }
  }
}

interface Walk {
  readonly loss: Tensor;
  readonly parameters: readonly Tensor[];
  readonly tracked: ReadonlySet<Tensor>;
  readonly kept: ReadonlySet<Tensor>;
  /** Fills with the tensors that gradients allocate. */
  readonly made: Set<Tensor>;
}

function walkBack(tape: TapeEntry[], walk: Walk): Tensor[] {
  const grads = new Gradients(walk.made);
  try {
    return walkEntries(tape, grads, walk);
  } catch (error) {
    grads.dispose();
    throw error;
  }
}

function walkEntries(
  tape: TapeEntry[],
  grads: Gradients,
  { loss, parameters, tracked, kept }: Walk,
): Tensor[] {
  grads.add(loss, filledLike(loss, 1));
  for (let entry = tape.at(-1); entry; entry = tape.at(-1)) {
    const { outputs, inputs, backward } = entry;
    const dOutputs = outputs.map((output) => grads.get(output));
    if (dOutputs.some((dOutput) => dOutput)) {
      const needed = inputs.map((input) => tracked.has(input));
      backward(dOutputs, needed).forEach((dInput, i) => {
        if (dInput && needed[i]) grads.add(inputs[i], dInput);
      });
      for (const output of outputs) grads.remove(output);
      grads.sweep();
    }
    for (const tensor of entry.made) if (!kept.has(tensor)) tensor.dispose();
    tape.pop(); // lets the closure go, and what it saved
  }
  const result = parameters.map((parameter) => grads.takeOwn(parameter) ?? filledLike(parameter, 0));
  grads.remove(loss); // still there if no op led to the loss
  grads.sweep(result);
  return result;
}

/** Gradients on their way, each freed when nothing waits for it any more. */
class Gradients {
  readonly #byTensor = new Map<Tensor, Tensor>();
  /** How many tensors have this gradient: a sum hands one and the same to both its terms. */
  readonly #users = new Map<Tensor, number>();
  readonly #made: Set<Tensor>;

  constructor(made: Set<Tensor>) {
    this.#made = made;
  }

  get(tensor: Tensor): Tensor | undefined {
    return this.#byTensor.get(tensor);
  }

  /** Adds to the gradient of `tensor`: in place, unless somebody else looks at that memory. */
  add(tensor: Tensor, gradient: Tensor): void {
    if (gradient.length !== tensor.length) {
      throw new RangeError(`Cannot use ${gradient} as the gradient of ${tensor}: their sizes differ`);
    }
    if (!this.#byTensor.has(tensor)) {
      // An op may have read the tensor under another shape.
      const shaped = sameShape(gradient.shape, tensor.shape) ? gradient : gradient.view(tensor.shape);
      this.#byTensor.set(tensor, shaped);
      this.#users.set(shaped, (this.#users.get(shaped) ?? 0) + 1);
      return;
    }
    const sum = this.#own(tensor)!;
    sum.backend.run(addInPlaceKernel, { x: gradient.storage, y: sum.storage }, { count: sum.length });
  }

  /** The gradient of `tensor` is not needed any more. */
  remove(tensor: Tensor): void {
    const gradient = this.#byTensor.get(tensor);
    if (!gradient) return;
    this.#byTensor.delete(tensor);
    const users = this.#users.get(gradient)! - 1;
    if (users > 0) this.#users.set(gradient, users);
    else {
      this.#users.delete(gradient);
      this.#made.add(gradient); // freed by the next sweep
    }
  }

  /** The gradient of `tensor`, in memory that nobody else looks at, handed to the caller. */
  takeOwn(tensor: Tensor): Tensor | undefined {
    const gradient = this.#own(tensor);
    if (gradient) this.remove(tensor);
    return gradient;
  }

  /** Frees what gradients allocated and nothing waits for, except `kept`. */
  sweep(kept: readonly Tensor[] = []): void {
    for (const tensor of this.#made) {
      if (!this.#users.has(tensor) && !kept.includes(tensor)) tensor.dispose();
    }
    this.#made.clear();
  }

  /** Frees them all: the walk has failed. */
  dispose(): void {
    for (const gradient of this.#users.keys()) gradient.dispose();
  }

  #own(tensor: Tensor): Tensor | undefined {
    const gradient = this.#byTensor.get(tensor);
    if (!gradient || (this.#users.get(gradient) === 1 && !gradient.shared)) return gradient;
    const own = copied(gradient, tensor.shape, { label: `gradient of ${tensor.label}` });
    this.remove(tensor);
    this.#byTensor.set(tensor, own);
    this.#users.set(own, 1);
    return own;
  }
}

function filledLike(tensor: Tensor, value: number): Tensor {
  return filled(tensor.backend, tensor.shape, value, { label: `gradient of ${tensor.label}` });
}
