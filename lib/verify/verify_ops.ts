// This module is browser compatible.
import { valueAndGrad } from "../autograd.ts";
import type { Backend } from "../backend/backend.ts";
import type { FileTensor } from "../data/safetensors.ts";
import { Adam } from "../optim/adam.ts";
import { mul, sum } from "../ops/mod.ts";
import { type Tensor, tensor } from "../tensor.ts";
import { deviceShape, fromDevice, type Layout, toDevice } from "./layouts.ts";
import { addAll, type Attributes, OP_CASES } from "./op_cases.ts";
import { largestDifference, type VerifiedCase, WorstError } from "./report.ts";

/** An op's golden: what its JSON says. */
export interface OpGolden {
  readonly op: string;
  readonly cases: readonly {
    readonly case: string;
    readonly attributes: Attributes & { readonly lr?: number; readonly max_norm?: number };
    readonly inputs: readonly string[];
    readonly constants?: readonly string[];
    readonly outputs: readonly string[];
  }[];
}
type Case = OpGolden["cases"][number];

/** Runs every case of one op: outputs, and gradients of the sum of outputs times upstream. */
export async function verifyOp(
  backend: Backend,
  golden: OpGolden,
  tensors: ReadonlyMap<string, FileTensor>,
): Promise<VerifiedCase[]> {
  const results: VerifiedCase[] = [];
  for (const one of golden.cases) {
    const find = (name: string) => tensors.get(`${one.case}/${name}`);
    const worst = new WorstError();
    if (golden.op === "adam") await verifyAdam(backend, one, { find, worst });
    else if (golden.op === "clip_grad_norm") await verifyClip(backend, one, { find, worst });
    else await verifyFunction(backend, golden.op, { one, find, worst });
    results.push(worst.result("ops", `${golden.op}/${one.case}`, backend.name));
  }
  return results;
}

type Find = (name: string) => FileTensor | undefined;

/** The tolerance of shared/reference: 1e-5 of the tensor's largest value, and 1e-6. */
function compare(worst: WorstError, got: ArrayLike<number>, want: ArrayLike<number>): void {
  let largest = 0;
  for (let i = 0; i < want.length; i++) largest = Math.max(largest, Math.abs(want[i]));
  worst.add(largestDifference(got, want), 1e-5 * largest + 1e-6);
}

async function verifyFunction(
  backend: Backend,
  op: string,
  { one, find, worst }: { one: Case; find: Find; worst: WorstError },
): Promise<void> {
  const { run, layouts = {} } = OP_CASES[op];
  const layoutOf = (name: string): Layout => layouts[name] ?? "same";
  const upload = (name: string, layout: Layout) => {
    const { data, shape, dtype } = find(name)!;
    const numbers = toDevice(data as Float32Array, shape, layout);
    const type = dtype === "F32" ? "f32" : "u32";
    return tensor(backend, numbers, { shape: deviceShape(shape, layout), type, label: name });
  };
  const inputs = Object.fromEntries(one.inputs.map((name) => [name, upload(name, layoutOf(name))]));
  const constants = Object.fromEntries((one.constants ?? []).map((name) => [name, upload(name, "same")]));
  const upstream = new Map(
    one.outputs.filter((name) => find(`upstream.${name}`))
      .map((name) => [name, upload(`upstream.${name}`, layoutOf(name))]),
  );
  const { value, grads } = valueAndGrad(Object.values(inputs), () => {
    const outputs = run({ ...inputs, ...constants }, one.attributes);
    const terms = [...upstream].map(([name, weights]) => sum(mul(outputs[name], weights)));
    return { loss: addAll(terms), outputs };
  });
  const check = async (got: Tensor, name: string, layout: Layout) => {
    const { data, shape } = find(name)!;
    compare(worst, fromDevice(await got.read(), shape, layout), data as Float32Array);
  };
  for (const name of one.outputs) await check(value.outputs[name], name, layoutOf(name));
  for (const [i, name] of one.inputs.entries()) await check(grads[i], `grad.${name}`, layoutOf(name));
  const used = [...Object.values(inputs), ...Object.values(constants), ...upstream.values(), ...grads];
  for (const each of [...used, value.loss, ...Object.values(value.outputs)]) each.dispose();
}

async function verifyAdam(
  backend: Backend,
  { attributes }: Case,
  { find, worst }: { find: Find; worst: WorstError },
): Promise<void> {
  const { data: start, shape } = find("start")!;
  const parameter = tensor(backend, start as Float32Array, { shape });
  const adam = new Adam([parameter], { epsilon: attributes.eps });
  const [{ m, v }] = adam.moments;
  for (let step = 0; step < 5; step++) {
    const row = (name: string) =>
      (find(name)!.data as Float32Array).subarray(step * start.length, (step + 1) * start.length);
    const gradient = tensor(backend, row("grads"), { shape });
    adam.step([gradient], { learningRate: attributes.lr! }).dispose();
    gradient.dispose();
    for (const [name, got] of [["after", parameter], ["m", m], ["v", v]] as const) {
      const [values, want] = [await got.read(), row(name)];
      for (let i = 0; i < want.length; i++) {
        // relative alone: the moments of tiny gradients are tiny; subnormal ones have fewer digits
        worst.add(Math.abs(values[i] - want[i]), 1e-5 * Math.abs(want[i]) + 1e-43);
      }
    }
  }
  adam.dispose();
  parameter.dispose();
}

async function verifyClip(
  backend: Backend,
  { attributes }: Case,
  { find, worst }: { find: Find; worst: WorstError },
): Promise<void> {
  // Clipping lives in Adam's kernel: with beta1 = 0 its first moment is the clipped gradient.
  const names = ["a", "b", "c"];
  const grads = names.map((name) => {
    const { data, shape } = find(`grad.${name}`)!;
    return tensor(backend, data as Float32Array, { shape });
  });
  const parameters = grads.map((gradient) =>
    tensor(backend, new Float32Array(gradient.length), { shape: gradient.shape })
  );
  const adam = new Adam(parameters, { beta1: 0 });
  const norm = adam.step(grads, { learningRate: 0, clipNorm: attributes.max_norm });
  compare(worst, await norm.read(), find("norm")!.data as Float32Array);
  for (const [i, name] of names.entries()) {
    compare(worst, await adam.moments[i].m.read(), find(`clipped.${name}`)!.data as Float32Array);
  }
  adam.dispose();
  for (const each of [norm, ...grads, ...parameters]) each.dispose();
}
