// This module is browser compatible.
/** The part of TensorFlow.js that the bench calls. The package is not there when the product is checked. */

/** A tensor. */
export interface TfTensor {
  readonly shape: number[];
  data(): Promise<Float32Array>;
  dispose(): void;
}

/** A trained tensor. */
export interface TfVariable extends TfTensor {
  readonly name: string;
}

/** The library. */
export interface Tfjs {
  setBackend(name: string): Promise<boolean>;
  engine(): {
    runKernel(name: string, inputs: Record<string, TfTensor>, attributes: Record<string, unknown>): TfTensor;
  };
  tidy<T>(fn: () => T): T;
  tensor(values: ArrayLike<number>, shape: readonly number[], type?: "float32" | "int32"): TfTensor;
  variable(initial: TfTensor, trainable: boolean, name: string): TfVariable;
  variableGrads(loss: () => TfTensor, variables: TfVariable[]): {
    readonly value: TfTensor;
    readonly grads: Record<string, TfTensor>;
  };
  train: {
    adam(rate: number, beta1: number, beta2: number, epsilon: number): {
      applyGradients(grads: Record<string, TfTensor>): void;
      dispose(): void;
    };
  };
  matMul(a: TfTensor, b: TfTensor, transposeA?: boolean, transposeB?: boolean): TfTensor;
  conv2d(
    x: TfTensor,
    weight: TfTensor,
    stride: number,
    pad: number,
    format?: "NHWC",
    dilations?: number,
    rounding?: "floor",
  ): TfTensor;
  maxPool(x: TfTensor, size: number, stride: number, pad: "valid"): TfTensor;
  moments(x: TfTensor, axes: number[]): { readonly mean: TfTensor; readonly variance: TfTensor };
  gather(x: TfTensor, indices: TfTensor): TfTensor;
  softmax(x: TfTensor, axis?: number): TfTensor;
  logSoftmax(x: TfTensor, axis?: number): TfTensor;
  oneHot(indices: TfTensor, depth: number): TfTensor;
  concat(tensors: TfTensor[], axis: number): TfTensor;
  stack(tensors: TfTensor[], axis: number): TfTensor;
  split(x: TfTensor, parts: number, axis: number): TfTensor[];
  slice(x: TfTensor, begin: number[], size: number[]): TfTensor;
  dropout(x: TfTensor, rate: number): TfTensor;
  add(a: TfTensor, b: TfTensor | number): TfTensor;
  sub(a: TfTensor, b: TfTensor | number): TfTensor;
  mul(a: TfTensor, b: TfTensor | number): TfTensor;
  div(a: TfTensor | number, b: TfTensor | number): TfTensor;
  minimum(a: TfTensor, b: TfTensor | number): TfTensor;
  addN(tensors: TfTensor[]): TfTensor;
  square(x: TfTensor): TfTensor;
  sqrt(x: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  sigmoid(x: TfTensor): TfTensor;
  tanh(x: TfTensor): TfTensor;
  sum(x: TfTensor, axis?: number): TfTensor;
  mean(x: TfTensor, axis?: number): TfTensor;
  reshape(x: TfTensor, shape: readonly number[]): TfTensor;
  transpose(x: TfTensor): TfTensor;
}
