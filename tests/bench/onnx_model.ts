// This module is browser compatible.
/** ONNX models of one node, in the few fields of the protocol buffers that they need. */

/** A node's inputs and outputs are f32 tensors of fixed shapes. */
export interface OneNode {
  /** e.g. "MatMul". */
  readonly type: string;
  readonly inputs: readonly (readonly number[])[];
  readonly output: readonly number[];
  /** Integers, or lists of them. */
  readonly attributes?: Readonly<Record<string, number | readonly number[]>>;
}

const FLOAT = 1;
const [INT, INTS] = [2, 7]; // AttributeProto.type
const [IR_VERSION, OPSET] = [8, 17];

/** The model's bytes. Inputs are called x0, x1, …, the output y. */
export function oneNodeModel({ type, inputs, output, attributes = {} }: OneNode): Uint8Array {
  const names = inputs.map((_, i) => `x${i}`);
  const node = [
    ...names.flatMap((name) => text(1, name)),
    ...text(2, "y"),
    ...text(4, type),
    ...Object.entries(attributes).flatMap(([name, value]) => message(5, attribute(name, value))),
  ];
  const graph = [
    ...message(1, node),
    ...text(2, "bench"),
    ...inputs.flatMap((shape, i) => message(11, value(names[i], shape))),
    ...message(12, value("y", output)),
  ];
  return new Uint8Array([...integer(1, IR_VERSION), ...message(7, graph), ...message(8, integer(2, OPSET))]);
}

function attribute(name: string, value: number | readonly number[]): number[] {
  return typeof value === "number" ? [...text(1, name), ...integer(3, value), ...integer(20, INT)] : [
    ...text(1, name),
    ...value.flatMap((each) => integer(8, each)),
    ...integer(20, INTS),
  ];
}

/** ValueInfoProto: a name, and a tensor type with a shape. */
function value(name: string, shape: readonly number[]): number[] {
  const dimensions = message(2, shape.flatMap((size) => message(1, integer(1, size))));
  return [...text(1, name), ...message(2, message(1, [...integer(1, FLOAT), ...dimensions]))];
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [value % 128 + 128, ...varint(Math.floor(value / 128))];
}

function integer(field: number, value: number): number[] {
  return [...varint(field * 8), ...varint(value)];
}

function message(field: number, bytes: readonly number[]): number[] {
  return [...varint(field * 8 + 2), ...varint(bytes.length), ...bytes];
}

function text(field: number, value: string): number[] {
  return message(field, [...new TextEncoder().encode(value)]);
}
