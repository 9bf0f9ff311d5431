// This module is browser compatible.
/** PyTorch's tensors out of the inert records that a pickle has for them. */

import type { ByteReader } from "./byte_reader.ts";
import { elementsOf, type TensorArray } from "./dtype.ts";
import { type CopyBudget, gather } from "./gather.ts";
import { numpyTensor } from "./numpy_tensor.ts";
import { inertCall } from "./pickle_known.ts";
import { PickleClass, PickleRecord, type PickleValue } from "./pickle_values.ts";
import type { FileTensor } from "./safetensors.ts";
import { isCount, readStorageId, type StorageId } from "./torch_types.ts";

const STORAGE = new PickleClass("torch", "storage");
const MAX_DIMENSIONS = 64;
/** Copies allowed beyond four times the file: enough for small tensors that were expanded. */
const SPARE_ELEMENTS = 1 << 24;

/** The storages of one file, and the tensors that lie in them. */
export class TorchTensors {
  readonly #reader: ByteReader;
  readonly #ids = new Map<PickleRecord, StorageId>();
  readonly #elements = new Map<string, TensorArray>();
  readonly #tensors = new Map<PickleRecord, FileTensor>();
  readonly #budget: CopyBudget;
  /** Bytes of a storage by its key, set once they are found. */
  bytesOf: (id: StorageId) => Uint8Array;

  constructor(reader: ByteReader) {
    this.#reader = reader;
    this.#budget = { elements: 4 * reader.bytes.length + SPARE_ELEMENTS };
    this.bytesOf = ({ key }) => {
      throw reader.fail(`the storage ${key} is not in it`);
    };
  }

  /** The persistent ids of a file: storages, and in the older form the classes of whole modules with their source. */
  readonly persistent = (id: PickleValue): PickleValue => {
    if (Array.isArray(id) && id[0] === "module" && id.length > 1) return id[1];
    const storage = new PickleRecord(STORAGE, []);
    this.#ids.set(storage, readStorageId(id, this.#reader));
    return storage;
  };

  /** All storages that were referred to. */
  get storages(): StorageId[] {
    return [...this.#ids.values()];
  }

  /**
   * The tensor that a record stands for, numpy's arrays too; undefined where it stands for none.
   *
   * @throws {SyntaxError} If it is a tensor that cannot be read.
   */
  tensor(value: PickleValue): FileTensor | undefined {
    if (!(value instanceof PickleRecord)) return undefined;
    const known = this.#tensors.get(value);
    if (known) return known;
    const made = this.#make(value, 0);
    if (made) this.#tensors.set(value, made);
    return made;
  }

  #make(record: PickleRecord, depth: number): FileTensor | undefined {
    const { type: { path }, args } = record;
    if (!path.startsWith("torch.")) {
      return numpyTensor(record, { reader: this.#reader, budget: this.#budget });
    }
    const inner = args[0] instanceof PickleRecord && depth < 8 ? args[0] : undefined;
    switch (path) {
      case "torch._utils._rebuild_tensor":
      case "torch._utils._rebuild_tensor_v2":
        return this.#strided(args);
      case "torch._utils._rebuild_parameter":
      case "torch._utils._rebuild_parameter_with_state":
      case "torch.nn.parameter.Parameter":
      case "torch.nn.parameter.Buffer":
      case "torch.autograd.variable.Variable":
      case "torch.Tensor":
        return inner && this.#make(inner, depth + 1);
      case "torch._tensor._rebuild_from_type_v2": { // a subclass: how to make the tensor, and of what
        const made = Array.isArray(args[2]) ? inertCall(args[0], args[2]) : undefined;
        return made instanceof PickleRecord && depth < 8 ? this.#make(made, depth + 1) : undefined;
      }
    }
    if (path.startsWith("torch._utils._rebuild_")) {
      throw this.#reader.fail(`it holds a tensor made by ${path}, only dense ones of plain numbers are read`);
    }
    return undefined;
  }

  #strided([storage, offset, shape, strides]: readonly PickleValue[]): FileTensor {
    const { fail } = this;
    const id = storage instanceof PickleRecord ? this.#ids.get(storage) : undefined;
    if (!id) throw fail("a tensor has no storage");
    const places = [shape, strides].map((list) =>
      Array.isArray(list) && list.every(isCount) ? list as number[] : []
    );
    const [sizes, steps] = places;
    const whole = isCount(offset) && Array.isArray(shape) && Array.isArray(strides) &&
      sizes.length === shape.length && steps.length === sizes.length && sizes.length <= MAX_DIMENSIONS;
    if (!whole) throw fail(`a tensor in the storage ${id.key} has no proper offset, sizes and strides`);
    const elements = this.#elementsOf(id);
    const data = gather(elements, { offset, shape: sizes, strides: steps }, this.#budget);
    if (!data) {
      throw fail(
        `a tensor [${sizes.join(", ")}] does not fit its storage ${id.key} of ${elements.length} elements, ` +
          "or is far larger than the file",
      );
    }
    return { dtype: id.type.dtype!, shape: sizes, data };
  }

  readonly fail = (what: string): SyntaxError => this.#reader.fail(what);

  /** A storage's elements, converted once however many tensors lie in it. */
  #elementsOf(id: StorageId): TensorArray {
    const { name, bytes: size, dtype } = id.type;
    const place = `${id.view?.key ?? ""}/${id.key}/${name}`;
    const known = this.#elements.get(place);
    if (known) return known;
    if (!dtype) throw this.fail(`a tensor holds ${name}, which is not read`);
    const bytes = this.bytesOf(id);
    if (bytes.length !== id.length * size && id.view === undefined) {
      throw this.fail(
        `the storage ${id.key} should have ${id.length} elements of ${name}, it has ${bytes.length} bytes`,
      );
    }
    const elements = elementsOf(dtype, bytes.subarray(0, bytes.length - bytes.length % size));
    this.#elements.set(place, elements);
    return elements;
  }
}
