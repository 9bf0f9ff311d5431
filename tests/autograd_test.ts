/** The core: scopes and the tape, and that they free what they made. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "@std/testing/bdd";
import { Forward, valueAndGrad } from "../lib/autograd.ts";
import { CpuBackend } from "../lib/backend/cpu.ts";
import { add, filled, mul, reshape, square, sum } from "../lib/ops/mod.ts";
import { record } from "../lib/record.ts";
import { scope } from "../lib/scope.ts";
import { Tensor, tensor } from "../lib/tensor.ts";

const backend = new CpuBackend();

/** Numbers on the CPU, in f64. */
const numbers = (...data: number[]) => tensor(backend, data);

/** Contents of tensors, which are then freed. */
async function take(...tensors: Tensor[]): Promise<number[][]> {
  const contents = await Promise.all(tensors.map(async (tensor) => [...await tensor.read()]));
  for (const tensor of tensors) tensor.dispose();
  return contents;
}

/** Fails tests of the enclosing describe() that leave tensors behind. */
function nothingLeaks(): void {
  let live = 0;
  beforeEach(() => {
    live = Tensor.live;
  });
  afterEach(() => {
    assert.equal(Tensor.live, live, "tensors alive after the test");
    assert.equal(backend.memory().storages, 0, "storages after the test");
  });
}

describe("scope()", () => {
  nothingLeaks();

  it("frees what was made inside and keeps what it returns", async () => {
    let inside: Tensor | undefined;
    const { kept, list } = scope(() => {
      inside = numbers(1);
      return { kept: numbers(2), list: [numbers(3), new Map([["x", numbers(4)]])] as const };
    });
    assert.ok(inside!.disposed);
    assert.throws(
      () => inside!.storage,
      /Cannot use "tensor" \[1\]: it has been freed, return it from its scope/,
    );
    assert.deepEqual(await take(kept, list[0], list[1].get("x")!), [[2], [3], [4]]);
  });

  it("hands what it returns to the scope around it", () => {
    let inner: Tensor | undefined;
    scope(() => {
      inner = scope(() => numbers(1));
      assert.ok(!inner.disposed);
    });
    assert.ok(inner!.disposed);
  });

  it("leaves tensors from outside alone", () => {
    const outside = numbers(1);
    assert.equal(scope(() => outside), outside);
    assert.ok(!outside.disposed);
    outside.dispose();
  });

  it("frees what was made when its body fails", () => {
    assert.throws(() =>
      scope(() => {
        numbers(1, 2, 3);
        throw new Error("stop");
      }), /stop/);
  });

  it("refuses a promise, to the compiler and when running", () => {
    assert.throws(
      // @ts-expect-error a promise is a type error
      () => scope(() => Promise.resolve(numbers(1))),
      { name: "TypeError", message: /its body returned a promise, it must be synchronous/ },
    );
  });

  it("frees memory that views share with the last of them", async () => {
    const view = scope(() => numbers(1, 2, 3, 4).view([2, 2]));
    assert.deepEqual(view.shape, [2, 2]);
    assert.equal(backend.memory().storages, 1);
    assert.deepEqual(await take(view), [[1, 2, 3, 4]]);
  });
});

describe("valueAndGrad()", () => {
  nothingLeaks();

  it("returns the value, whatever else fn returned, and gradients", async () => {
    const x = numbers(1, 2);
    const { value, grads } = valueAndGrad([x], () => {
      const y = square(x);
      return { loss: sum(y), y };
    });
    assert.deepEqual(await take(value.loss, value.y, ...grads, x), [[5], [1, 4], [2, 4], [1, 2]]);
  });

  it("adds up gradients that reach a tensor by several ways", async () => {
    const x = numbers(3);
    const { value, grads } = valueAndGrad([x], () => {
      const y = add(x, x);
      return sum(add(mul(y, y), add(x, y))); // 4x² + 3x
    });
    assert.deepEqual(await take(value, ...grads, x), [[45], [27], [3]]);
  });

  it("gives zeros to a parameter that the loss does not reach", async () => {
    const x = numbers(3);
    const unused = tensor(backend, [1, 2, 3, 4], { shape: [2, 2] });
    const { value, grads } = valueAndGrad([unused, x], () => {
      mul(unused, x);
      return sum(x);
    });
    assert.deepEqual(grads[0].shape, [2, 2]);
    assert.deepEqual(await take(value, ...grads), [[3], [0, 0, 0, 0], [1]]);
    x.dispose();
    unused.dispose();
  });

  it("gives each parameter memory of its own", async () => {
    const a = numbers(1, 2);
    const b = tensor(backend, [3, 4], { shape: [1, 2] });
    const { value, grads } = valueAndGrad([a, b], () => sum(add(reshape(a, [1, 2]), b)));
    assert.deepEqual(grads.map(({ shape }) => shape), [[2], [1, 2]]);
    assert.notEqual(grads[0].storage, grads[1].storage);
    await take(value, ...grads, a, b);
  });

  it("takes the gradient of a parameter that is itself the loss", async () => {
    const x = numbers(3);
    const { value, grads } = valueAndGrad([x], () => x);
    assert.equal(value, x);
    assert.deepEqual(await take(...grads, x), [[1], [3]]);
  });

  it("asks for no gradients of constants", async () => {
    const [x, constant] = [numbers(2), numbers(5)];
    let asked: readonly boolean[] = [];
    const { value, grads } = valueAndGrad([x], () => {
      const y = record(mul(x, constant), [x, constant], ([dY], needed) => {
        asked = needed;
        return [dY, undefined];
      });
      return sum(y);
    });
    assert.deepEqual(asked, [true, false]);
    await take(value, ...grads, x, constant);
  });

  it("leaves tensors from outside, that fn returns, to their owner", async () => {
    const x = numbers(2);
    const [loss, gradient] = scope(() => {
      const { value, grads } = valueAndGrad([x], () => ({ loss: sum(x), x }));
      return [value.loss, grads[0]];
    });
    assert.ok(!x.disposed);
    await take(loss, gradient, x);
  });

  it("frees its results with the scope around it", () => {
    const x = numbers(2);
    const made = scope(() => {
      const { value, grads } = valueAndGrad([x], () => sum(x));
      return { tensors: () => [value, ...grads] };
    });
    assert.ok(made.tensors().every(({ disposed }) => disposed));
    x.dispose();
  });

  it("ignores scopes inside: the way back needs what they would free", async () => {
    const x = numbers(2);
    const { value, grads } = valueAndGrad([x], () => scope(() => sum(square(scope(() => square(x))))));
    assert.deepEqual(await take(value, ...grads, x), [[16], [32], [2]]);
  });

  it("frees everything when fn or a gradient fails", () => {
    const x = numbers(1);
    assert.throws(() =>
      valueAndGrad([x], () => {
        square(x);
        throw new Error("forward");
      }), /forward/);
    assert.throws(() =>
      valueAndGrad([x], () =>
        sum(square(record(square(x), [x], () => {
          throw new Error("backward");
        })))), /backward/);
    x.dispose();
  });

  it("explains a loss that is not a number", () => {
    const x = numbers(1, 2);
    assert.throws(
      () => valueAndGrad([x], () => square(x)),
      /Cannot differentiate .* \[2\]: the loss must be a single number/,
    );
    x.dispose();
  });

  it("frees on the way back what the way forward made", () => {
    const fresh = new CpuBackend();
    const x = filled(fresh, [1000], 1);
    const depth = 20;
    const step = () => {
      let y = x;
      for (let i = 0; i < depth; i++) y = square(y); // two gradients each
      return sum(y);
    };
    scope(() => void valueAndGrad([x], step));
    // x, the outputs, and no more than four gradients at a time
    const tensors = fresh.memory().peakBytes / (8 * 1000);
    assert.ok(tensors < 1 + depth + 4.1, `${tensors} tensors at the peak`);
    x.dispose();
  });
});

describe("a forward pass in two parts", () => {
  nothingLeaks();

  it("gives what one in one part gives, with an await between them", async () => {
    const x = numbers(1, 2, 3);
    const forward = new Forward([x], () => scope(() => ({ y: square(x) })));
    const weights = await Promise.resolve([1, 10, 100]);
    const { value, grads } = forward.finish(({ y }) => sum(mul(y, numbers(...weights))));
    assert.deepEqual(await take(value, ...grads, x), [[941], [2, 40, 600], [1, 2, 3]]);
  });

  it("leaves tensors that others make between its parts alone", async () => {
    const x = numbers(2);
    const forward = new Forward([x], () => square(x));
    const [other] = scope(() => [numbers(7)]);
    const { value, grads } = forward.finish((y) => sum(y));
    assert.deepEqual(await take(other, value, ...grads, x), [[7], [4], [4], [2]]);
  });

  it("frees everything when it is given up, or one of its parts fails", () => {
    const x = numbers(1, 2);
    new Forward([x], () => mul(square(x), x)).dispose();
    const fail = () => {
      throw new Error("in between");
    };
    assert.throws(() => new Forward([x], () => (square(x), fail())), /in between/);
    assert.throws(() => new Forward([x], () => square(x)).finish((y) => (sum(y), fail())), /in between/);
    x.dispose();
  });

  it("ends once", () => {
    const x = numbers(2);
    const forward = new Forward([x], () => square(x));
    scope(() => {
      forward.finish((y) => sum(y));
      assert.throws(() => forward.finish((y) => sum(y)), /Cannot finish a forward pass twice/);
    });
    x.dispose();
  });
});
