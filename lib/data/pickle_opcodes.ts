// This module is browser compatible.
/**
 * The instructions of pickles, protocols 0 to 5, as Python's `pickletools` documents them. None of them can do more
 * here than make data.
 */

import { latin1 } from "./byte_reader.ts";
import { inertCall } from "./pickle_known.ts";
import type { PickleMachine } from "./pickle_machine.ts";
import { floatLine, indexLine, integerBytes, integerLine, quotedLine, unicodeLine } from "./pickle_text.ts";
import { describeValue, PickleClass, PickleRecord, type PickleValue } from "./pickle_values.ts";

/** The instruction that ends a pickle. */
export const STOP = 0x2e;
/** The newest protocol there is. */
const NEWEST_PROTOCOL = 5;
/** Bytes that count as one value. */
const BYTES_PER_VALUE = 256;

type Instruction = (machine: PickleMachine) => void;
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Each instruction by its byte. */
export const OPCODES: ReadonlyMap<number, Instruction> = new Map<number, Instruction>([
  ...letters({
    "(": (m) => m.mark(),
    "0": (m) => m.drop(),
    "1": (m) => void m.popMark(),
    "2": (m) => m.push(m.top),
    // numbers, texts, bytes
    "N": (m) => m.push(null),
    "I": (m) => m.push(integerLine(m)),
    "L": (m) => m.make(integerLine(m)),
    "J": (m) => m.push(m.reader.i32()),
    "K": (m) => m.push(m.reader.u8()),
    "M": (m) => m.push(m.reader.u16()),
    "F": (m) => m.push(floatLine(m)),
    "G": (m) => m.push(m.reader.f64BigEndian()),
    "S": (m) => m.make(quotedLine(m)),
    "T": (m) => m.make(latin1(m.reader.take(m.reader.u32()))),
    "U": (m) => m.make(latin1(m.reader.take(m.reader.u8()))),
    "V": (m) => m.make(unicodeLine(m)),
    "X": (m) => text(m, m.reader.u32()),
    "B": (m) => m.make(m.reader.take(m.reader.u32())),
    "C": (m) => m.make(m.reader.take(m.reader.u8())),
    // containers
    "]": (m) => m.make([]),
    ")": (m) => m.make([]),
    "}": (m) => m.make(new Map()),
    "l": (m) => m.make(m.popMark()),
    "t": (m) => m.make(m.popMark()),
    "d": (m) => m.make(pairs(m, m.popMark())),
    "a": (m) => append(m, [m.pop()]),
    "e": (m) => append(m, m.popMark()),
    "s": (m) => {
      const value = m.pop();
      setItems(m, [m.pop(), value]);
    },
    "u": (m) => setItems(m, m.popMark()),
    // memo
    "p": (m) => m.remember(indexLine(m)),
    "q": (m) => m.remember(m.reader.u8()),
    "r": (m) => m.remember(m.reader.u32()),
    "g": (m) => m.recall(indexLine(m)),
    "h": (m) => m.recall(m.reader.u8()),
    "j": (m) => m.recall(m.reader.u32()),
    // names, and what Python would call: inert here
    "c": (m) => m.make(new PickleClass(m.reader.line(), m.reader.line())),
    "i": (m) => call(m, new PickleClass(m.reader.line(), m.reader.line()), m.popMark()),
    "o": (m) => {
      const [type, ...args] = m.popMark();
      call(m, type, args);
    },
    "R": (m) => {
      const args = tuple(m, m.pop());
      call(m, m.pop(), args);
    },
    "b": build,
    "P": (m) => m.make(m.persistent(m.reader.line())),
    "Q": (m) => m.make(m.persistent(m.pop())),
  }),
  [0x80, (m) => {
    const protocol = m.reader.u8();
    if (protocol > NEWEST_PROTOCOL) {
      throw m.reader.fail(`it is a pickle of protocol ${protocol}, up to ${NEWEST_PROTOCOL} are known`);
    }
  }],
  [0x81, (m) => {
    const args = tuple(m, m.pop());
    call(m, m.pop(), args);
  }],
  ...[0x82, 0x83, 0x84].map((code) =>
    [code, unsupported("the numbers of a registry of extensions")] as const
  ),
  [0x85, (m) => m.make([m.pop()])],
  [0x86, (m) => m.make([m.pop(), m.pop()].reverse())],
  [0x87, (m) => m.make([m.pop(), m.pop(), m.pop()].reverse())],
  [0x88, (m) => m.push(true)],
  [0x89, (m) => m.push(false)],
  [0x8a, (m) => m.make(integerBytes(m, m.reader.u8()))],
  [0x8b, (m) => m.make(integerBytes(m, m.reader.u32()))],
  [0x8c, (m) => text(m, m.reader.u8())],
  [0x8d, (m) => text(m, m.reader.u64())],
  [0x8e, (m) => m.make(m.reader.take(m.reader.u64()))],
  [0x8f, (m) => m.make(new Set())],
  [0x90, (m) => append(m, m.popMark())],
  [0x91, (m) => m.make(new Set(m.popMark()))],
  [0x92, (m) => {
    m.pop(); // arguments by name: no class that is data takes any, and records keep those by place
    const args = tuple(m, m.pop());
    call(m, m.pop(), args);
  }],
  [0x93, (m) => {
    const name = m.pop();
    const module = m.pop();
    if (typeof name !== "string" || typeof module !== "string") {
      throw m.fail("a class should be named by two texts");
    }
    m.make(new PickleClass(module, name));
  }],
  [0x94, (m) => m.remember(m.memo.size)],
  [0x95, (m) => {
    const bytes = m.reader.u64();
    if (bytes > m.reader.left) {
      throw m.fail(`a frame of ${bytes} bytes should follow, there are ${m.reader.left}`);
    }
  }],
  [0x96, (m) => m.make(m.reader.take(m.reader.u64()).slice())],
  ...[0x97, 0x98].map((code) => [code, unsupported("buffers that are handed over beside the file")] as const),
]);

function letters(instructions: Readonly<Record<string, Instruction>>): [number, Instruction][] {
  return Object.entries(instructions).map(([letter, run]) => [letter.charCodeAt(0), run]);
}

function unsupported(what: string): Instruction {
  return (machine) => {
    throw machine.reader.fail(`its pickle uses ${what}, which are not in it: save it without them`);
  };
}

function text(machine: PickleMachine, bytes: number): void {
  const content = machine.reader.take(bytes);
  try {
    machine.make(utf8.decode(content));
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw machine.fail("a text is not UTF-8");
  }
}

function tuple(machine: PickleMachine, value: PickleValue): PickleValue[] {
  if (Array.isArray(value)) return value;
  throw machine.fail(`arguments should be a tuple, they are ${describeValue(value)}`);
}

function call(machine: PickleMachine, type: PickleValue | undefined, args: PickleValue[]): void {
  const value = type === undefined ? undefined : inertCall(type, args);
  if (value === undefined) throw machine.fail(`it calls ${describeValue(type)}, which is no class`);
  machine.make(value, sizeOfCopy(value));
}

/** What a call may have copied, in values: otherwise a few bytes could copy a large list again and again. */
function sizeOfCopy(value: PickleValue): number {
  if (value instanceof Map || value instanceof Set) return value.size;
  return value instanceof Uint8Array ? Math.ceil(value.length / BYTES_PER_VALUE) : 0;
}

function pairs(machine: PickleMachine, items: readonly PickleValue[]): Map<PickleValue, PickleValue> {
  const map = new Map<PickleValue, PickleValue>();
  setPairs(machine, map, items);
  return map;
}

function setPairs(
  machine: PickleMachine,
  map: Map<PickleValue, PickleValue>,
  items: readonly PickleValue[],
): void {
  if (items.length % 2 !== 0) throw machine.fail("a dictionary has a key without a value");
  for (let i = 0; i < items.length; i += 2) map.set(items[i], items[i + 1]);
}

function setItems(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top;
  const map = target instanceof PickleRecord ? target.entries : target;
  if (!(map instanceof Map)) throw machine.fail(`it sets items of ${describeValue(target)}`);
  setPairs(machine, map, items);
}

function append(machine: PickleMachine, items: readonly PickleValue[]): void {
  const target = machine.top;
  const list = target instanceof PickleRecord ? target.items : target;
  if (Array.isArray(list)) { for (const item of items) list.push(item); }
  else if (list instanceof Set) { for (const item of items) list.add(item); }
  else throw machine.fail(`it appends to ${describeValue(target)}`);
}

/** Attributes of a record. Those of a container are left out: PyTorch hangs version numbers on its dictionaries. */
function build(machine: PickleMachine): void {
  const state = machine.pop();
  const target = machine.top;
  if (target instanceof PickleRecord) target.state = state;
  else if (!(target instanceof Map || target instanceof Set || Array.isArray(target))) {
    throw machine.fail(`it sets attributes of ${describeValue(target)}`);
  }
}
