// This module is browser compatible.
/**
 * A small assembler: functions in structured statements, and the module that holds them.
 *
 * ```ts
 * module.define({ x: "i32", count: "i32", factor: "f32" }, (f, { x, count, factor }) => {
 *   const end = f.i32(x.add(count.shl(2)));
 *   f.while(x.lt(end), () => {
 *     f.store(x, x.loadF32().mul(factor));
 *     f.set(x, x.add(4));
 *   });
 * });
 * ```
 */

import { type Code, flatten, list, section, text, unsigned } from "./encoding.ts";
import { F32, F32x4, I32 } from "./values.ts";

/** Value types: an integer or address, a float, four floats. */
export type Type = "i32" | "f32" | "v128";

/** A value of one of the types. */
export type Value = I32 | F32 | F32x4;

const TYPE_CODE = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;

/** The class of a type's values. */
export type ValueOf<T extends Type> = T extends "i32" ? I32 : T extends "f32" ? F32 : F32x4;

/** A function already defined, as others call it: with its parameters by name. */
export interface Callee<Name extends string = string> {
  readonly index: number;
  readonly parameters: readonly Name[];
}

/** Integer parameters of the given names. */
export function integers<const Name extends string>(...names: Name[]): Record<Name, "i32"> {
  // One entry for each name.
  return Object.fromEntries(names.map((name) => [name, "i32"])) as Record<Name, "i32">;
}

/** Float parameters of the given names. */
export function floats<const Name extends string>(...names: Name[]): Record<Name, "f32"> {
  // One entry for each name.
  return Object.fromEntries(names.map((name) => [name, "f32"])) as Record<Name, "f32">;
}

function local<T extends Type>(type: T, index: number): ValueOf<T> {
  const code = [0x20, ...unsigned(index)];
  const value = type === "i32" ? new I32(code) : type === "f32" ? new F32(code) : new F32x4(code);
  return value as ValueOf<T>; // The class was chosen by the type one line above.
}

/** The statements of one function. */
export class FunctionBuilder {
  readonly #code: Code[] = [];
  readonly #locals: Type[] = [];
  readonly #parameters: number;
  /** `a · b + c`, fused where the module may use relaxed SIMD. */
  readonly madd: (a: F32x4, b: F32x4, c: F32x4) => F32x4;

  constructor(parameters: number, relaxed: boolean) {
    this.#parameters = parameters;
    this.madd = relaxed ? (a, b, c) => a.relaxedMadd(b, c) : (a, b, c) => a.mul(b).add(c);
  }

  #local<T extends Type>(type: T, initial?: ValueOf<T>): ValueOf<T> {
    const value = local(type, this.#parameters + this.#locals.length);
    this.#locals.push(type);
    if (initial !== undefined) this.set(value, initial);
    return value;
  }
  /** A new local integer. Without a value it is 0 at the function's start. */
  i32(initial?: I32 | number): I32 {
    return this.#local("i32", initial === undefined ? undefined : I32.of(initial));
  }
  f32(initial?: F32 | number): F32 {
    return this.#local("f32", initial === undefined ? undefined : F32.of(initial));
  }
  v128(initial?: F32x4 | number): F32x4 {
    return this.#local("v128", initial === undefined ? undefined : F32x4.of(initial));
  }

  #emit(...code: Code): void {
    this.#code.push(code);
  }
  /** Assigns to a local or parameter. */
  set<T extends Value>(target: T, value: T): void {
    if (target.code[0] !== 0x20) throw new TypeError("Cannot assign to an expression: only to a local");
    this.#emit(value.code, 0x21, target.code.slice(1));
  }
  /** Adds to a local integer. */
  step(target: I32, by: I32 | number): void {
    this.set(target, target.add(by));
  }
  /** Writes a value to memory. */
  store(address: I32, value: Value, offset = 0): void {
    this.#emit(address.code, value.code);
    if (value instanceof I32) this.#emit(0x36, 2, unsigned(offset));
    else if (value instanceof F32) this.#emit(0x38, 2, unsigned(offset));
    else this.#emit(0xfd, 11, 2, unsigned(offset));
  }
  /** Writes one lane to memory. */
  storeLane(address: I32, value: F32x4, lane: number, offset = 0): void {
    this.#emit(address.code, value.code, 0xfd, 90, 2, unsigned(offset), lane);
  }
  /** Computes a value for its effect (an atomic operation). */
  discard(value: Value): void {
    this.#emit(value.code, 0x1a);
  }
  if(condition: I32, then: () => void, otherwise?: () => void): void {
    this.#emit(condition.code, 0x04, 0x40);
    then();
    if (otherwise) {
      this.#emit(0x05);
      otherwise();
    }
    this.#emit(0x0b);
  }
  /** Repeats `body` while `condition` holds: tested before the first time, then after each. */
  while(condition: I32, body: () => void): void {
    this.if(condition, () => this.repeat(body, condition));
  }
  /** Runs `body` once, and again while `condition` holds after it. */
  repeat(body: () => void, condition: I32): void {
    this.#emit(0x03, 0x40);
    body();
    this.#emit(condition.code, 0x0d, 0, 0x0b);
  }
  /** Runs `body` with `index` from `from` in steps of `step` while below `to` (unsigned). */
  for(from: I32 | number, to: I32, step: I32 | number, body: (index: I32) => void): void {
    const index = this.i32(from);
    this.while(index.lt(to), () => {
      body(index);
      this.step(index, step);
    });
  }
  return(): void {
    this.#emit(0x0f);
  }
  /** Calls a function that returns nothing. */
  call<Name extends string>(callee: Callee<Name>, args: Readonly<Record<Name, Value | number>>): void {
    for (const name of callee.parameters) {
      const value: Value | number = args[name];
      this.#emit((typeof value === "number" ? I32.of(value) : value).code);
    }
    this.#emit(0x10, unsigned(callee.index));
  }
  /** Calls entry `entry` of the table, a job of type `type` (see {@linkcode ModuleBuilder.job}). */
  callEntry(entry: I32, type: number, ...args: readonly I32[]): void {
    for (const value of args) this.#emit(value.code);
    this.#emit(entry.code, 0x11, unsigned(type), 0);
  }
  /** The finished body. */
  body(): Code {
    const locals = list(this.#locals.map((type) => [1, TYPE_CODE[type]]));
    const body = flatten([locals, this.#code, 0x0b]);
    return [unsigned(body.length), body];
  }
}

/** A module over one imported memory ("env" "memory"). */
export class ModuleBuilder {
  readonly #types: Code[] = [];
  readonly #functions: { type: number; body: Code }[] = [];
  readonly #imports: Code[] = [];
  readonly #exports: Code[] = [];
  readonly #jobs: { name: string; index: number }[] = [];

  /** @param relaxed Whether {@linkcode FunctionBuilder.madd} may fuse. */
  constructor(readonly relaxed: boolean) {}

  /** The number of a function type without results. */
  type(parameters: readonly Type[]): number {
    const code = [0x60, list(parameters.map((type) => [TYPE_CODE[type]])), 0];
    const found = this.#types.findIndex((type) => String(type) === String(code));
    return found >= 0 ? found : this.#types.push(code) - 1;
  }
  /**
   * Declares a function of the host's ("env" `name`), which returns nothing. It may be called as those defined here.
   *
   * @throws {Error} If a function has been defined before: imports are numbered first.
   */
  import<const P extends Readonly<Record<string, Type>>>(
    name: string,
    parameters: P,
  ): Callee<keyof P & string> {
    if (this.#functions.length > 0) {
      throw new Error(`Cannot import "${name}": functions have been defined already, import it first`);
    }
    const type = this.type(Object.values(parameters));
    const index = this.#imports.push([text("env"), text(name), 0, unsigned(type)]) - 1;
    return { index, parameters: Object.keys(parameters) };
  }
  /** Defines a function; its parameters are locals that it may change. */
  define<const P extends Readonly<Record<string, Type>>>(
    parameters: P,
    build: (f: FunctionBuilder, parameters: { readonly [Name in keyof P]: ValueOf<P[Name]> }) => void,
  ): Callee<keyof P & string> {
    const entries = Object.entries(parameters);
    const f = new FunctionBuilder(entries.length, this.relaxed);
    const locals = Object.fromEntries(entries.map(([name, type], index) => [name, local(type, index)]));
    // `local` returned for each name the class of its type.
    build(f, locals as { readonly [Name in keyof P]: ValueOf<P[Name]> });
    const type = this.type(Object.values(parameters));
    const index = this.#imports.length + this.#functions.push({ type, body: f.body() }) - 1;
    return { index, parameters: Object.keys(parameters) };
  }
  export(name: string, callee: Callee): void {
    this.#exports.push([text(name), 0, unsigned(callee.index)]);
  }
  /** Puts a function `(args, first, last)` into the table, where the pool finds it by its entry. */
  job(name: string, callee: Callee): void {
    this.#jobs.push({ name, index: callee.index });
  }
  /** Table entries of the jobs by name. */
  get entries(): ReadonlyMap<string, number> {
    return new Map(this.#jobs.map(({ name }, entry) => [name, entry]));
  }
  /** The module's bytes, for a memory that is shared or not and may grow to `maximumPages`. */
  bytes(memory: { shared: boolean; maximumPages: number }): Uint8Array<ArrayBuffer> {
    const limits = [memory.shared ? 3 : 1, 0, unsigned(memory.maximumPages)];
    const jobs = this.#jobs.map(({ index }) => unsigned(index));
    return flatten([
      [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
      section(1, list(this.#types)),
      section(2, list([[text("env"), text("memory"), 2, limits], ...this.#imports])),
      section(3, list(this.#functions.map(({ type }) => unsigned(type)))),
      section(4, list([[0x70, 0, unsigned(jobs.length)]])),
      section(7, list(this.#exports)),
      section(9, list([[0, 0x41, 0, 0x0b, list(jobs)]])),
      section(10, list(this.#functions.map(({ body }) => body))),
    ]);
  }
}
