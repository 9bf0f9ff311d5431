// This module is browser compatible.
import type { Tensor } from "./tensor.ts";

/** What a scope's body may return: anything but a promise, since a scope ends when its body does. */
export type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

let current: Set<Tensor> | undefined;
/** While a tape records, scopes free nothing: the walk back needs what they would free. */
let suspended = 0;

/** Puts a new tensor into the innermost scope. Called by the constructor of Tensor alone. */
export function adopt(tensor: Tensor): void {
  current?.add(tensor);
}

/**
 * Runs `fn`; tensors made inside are freed at its end, unless they are in what it returns (a tensor, or arrays,
 * maps and plain objects of them). Those belong to the enclosing scope, if there is one.
 *
 * @throws {TypeError} If `fn` returns a promise: memory would be freed while it still runs.
 */
export function scope<T>(fn: () => Synchronous<T>): T {
  if (suspended > 0) return fn();
  const outer = current;
  const made = new Set<Tensor>();
  current = made;
  try {
    const result = fn();
    if (typeof (result as { then?: unknown } | undefined)?.then === "function") {
      throw new TypeError("Cannot end a scope: its body returned a promise, it must be synchronous");
    }
    for (const kept of tensorsIn(result)) {
      if (made.delete(kept)) outer?.add(kept);
    }
    return result;
  } finally {
    current = outer;
    for (const tensor of made) tensor.dispose();
  }
}

/**
 * Runs `fn`, which makes what owns tensors: where it throws half way, those made so far are freed; else all live on.
 */
export function allOrNothing<T>(fn: () => Synchronous<T>): T {
  const outer = current;
  const made = new Set<Tensor>();
  current = made;
  try {
    const result = fn();
    for (const tensor of made) outer?.add(tensor);
    return result;
  } catch (error) {
    for (const tensor of made) tensor.dispose();
    throw error;
  } finally {
    current = outer;
  }
}

/**
 * Runs `fn` and collects the tensors that it makes in `made`, without freeing any. Scopes inside are switched off.
 *
 * For autograd, which decides itself when each dies.
 */
export function collect<T>(fn: () => T, made: Set<Tensor>): T {
  const outer = current;
  current = made;
  suspended++;
  try {
    return fn();
  } finally {
    suspended--;
    current = outer;
  }
}

/** Runs `fn` in a scope that frees what it made although a tape records around it: nothing there may need it. */
export function scopeWithoutTape<T>(fn: () => Synchronous<T>): T {
  const outer = suspended;
  suspended = 0;
  try {
    return scope(fn);
  } finally {
    suspended = outer;
  }
}

/** Hands tensors that {@linkcode collect} collected to the scope around it. */
export function release(tensors: Iterable<Tensor>): void {
  for (const tensor of tensors) adopt(tensor);
}

/** The tensors in a value: itself, or those in its arrays, maps and plain objects. */
export function* tensorsIn(value: unknown): Generator<Tensor> {
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value)) return;
  if ("storage" in value || "disposed" in value) yield value as Tensor;
  else if (Array.isArray(value)) { for (const item of value) yield* tensorsIn(item); }
  else if (value instanceof Map) { for (const item of value.values()) yield* tensorsIn(item); }
  else if (Object.getPrototypeOf(value) === Object.prototype) yield* tensorsIn(Object.values(value));
}
