import { elementSizes } from '../creation.js';
import { Device } from '../device.js';
import { type DType, isDType } from '../dtype.js';
import { Parameter } from '../parameter.js';
import { asView, StoragePart, storageByteLength } from '../storage.js';
import { Tensor } from '../tensor.js';
import { SerializeError } from './errors.js';
import type { FileParts } from './fileParts.js';
import { PersistentId, pickle } from './pickle.js';
import { OrderedDict, PickledObject, Tuple } from './pythonValues.js';
import { reduceSparse } from './sparseTensors.js';
import { Storage, storageNames } from './torchGlobals.js';
import { type ZipRecord, zipChunks, zipParts } from './zipWriter.js';

const topFolder = 'archive';

/**
 * The bytes of a file that Python's `torch.load` and our `load` read: nested plain data with tensors in it. A storage
 * that several tensors share is written once. See {@link pickle} for the types of plain data.
 *
 * The structure is taken when called; the elements of the tensors when the pieces are asked for. A piece may be a view of
 * a tensor's memory: use or copy it before asking for the next.
 *
 * @throws SerializeError `VALUE_UNSUPPORTED` or `VALUE_CYCLE`, naming the path of the value.
 */
export function serialize(value: unknown): Iterable<Uint8Array> {
  return zipChunks(torchRecords(value));
}

/** {@link serialize}, with the storages as parts for the caller to write. */
export const serializeParts = (value: unknown): FileParts => zipParts(torchRecords(value));

/** The records of such a file, each to be asked for its bytes once, in order. */
export function torchRecords(value: unknown): ZipRecord[] {
  const storages = new SavedStorages();
  const data = pickle(value, { reduce: (object, path) => storages.reduce(object, path) });
  return [
    wholeRecord('data.pkl', data),
    ...storages.records(),
    wholeRecord('version', Uint8Array.of(0x33, 0x0a)), // '3\n', the number of this layout
  ];
}

function wholeRecord(name: string, bytes: Uint8Array): ZipRecord {
  return { name: `${topFolder}/${name}`, size: bytes.length, chunks: () => [bytes] };
}

interface SavedStorage {
  key: string;
  /** A tensor of our own over the storage; keeps it alive until it is written, and is disposed then. */
  tensor: Tensor;
  dtype: DType;
  byteLength: number;
}

class SavedStorages {
  private readonly byId = new Map<number, SavedStorage>();

  /** What stands for a tensor in the pickle. */
  reduce(object: object, path: () => string): PickledObject | PersistentId | undefined {
    if (object instanceof Tensor) return this.reduceTensor(object, path);
    if (object instanceof Storage) return this.storageId(object.tensor(), path);
    if (object instanceof Device) {
      const args = object.index === null ? [object.type] : [object.type, object.index];
      return new PickledObject('torch', 'device', 'call', Tuple.from<unknown>(args));
    }
    return undefined;
  }

  *records(): Generator<ZipRecord> {
    // torch writes them in the order of their names.
    const sorted = [...this.byId.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
    for (const storage of sorted) {
      yield storageRecord(storage);
    }
  }

  private reduceTensor(tensor: Tensor, path: () => string): PickledObject {
    if (tensor.layout !== 'strided') {
      const sparse = reduceSparse(tensor);
      if (sparse !== null) return sparse;
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${path()} is a tensor of the layout ${tensor.layout}; dense, sparse_coo and sparse_csr ones can be saved. Save its toDense().`,
      );
    }
    if (!isDType(tensor.dtype)) {
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${path()} is a quantized tensor (${String(tensor.dtype)}), which cannot be saved. Save its dequantize().`,
      );
    }
    const rebuilt = new PickledObject('torch._utils', '_rebuild_tensor_v2', 'call', this.tensorArguments(tensor, path));
    if (!(tensor instanceof Parameter)) return rebuilt;
    // The tensor inside a parameter never requires gradients by itself.
    rebuilt.args[4] = false;
    return new PickledObject(
      'torch._utils',
      '_rebuild_parameter',
      'call',
      Tuple.of<unknown>(rebuilt, tensor.requiresGrad, new OrderedDict()),
    );
  }

  private tensorArguments(tensor: Tensor, path: () => string): Tuple {
    // A lazily conjugated or negated view shares its source's memory and differs only in a flag that files do not have.
    const isLazy = tensor.isConj() || tensor.isNeg();
    const plain = isLazy ? tensor.detach().resolveConj().resolveNeg() : tensor.detach();
    const args = Tuple.of<unknown>(
      this.storageId(plain, path),
      plain.storageOffset(),
      Tuple.from(plain.shape),
      Tuple.from(plain.stride()),
      tensor.requiresGrad,
      new OrderedDict(),
    );
    if (this.byId.get(plain.storageId())?.tensor !== plain) plain.dispose();
    return args;
  }

  private storageId(tensor: Tensor, path: () => string): PersistentId {
    const { dtype } = tensor;
    const id = tensor.storageId();
    let storage = this.byId.get(id);
    if (storage === undefined) {
      storage = { key: String(this.byId.size), tensor, dtype, byteLength: storageByteLength(tensor) };
      this.byId.set(id, storage);
    } else if (storage.dtype !== dtype) {
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${path()} shares its memory with a tensor of ${storage.dtype} but is of ${dtype}, which the file format cannot hold. Save a clone() of one of them.`,
      );
    }
    const length = storage.byteLength / elementSizes[dtype];
    if (!Number.isInteger(length)) {
      throw new SerializeError(
        'VALUE_UNSUPPORTED',
        `${path()} has ${storage.byteLength} bytes of memory, no whole number of ${dtype} elements. Save a clone() of it.`,
      );
    }
    const type = new PickledObject('torch', storageNames[dtype]);
    return new PersistentId(Tuple.of<unknown>('storage', type, storage.key, String(tensor.device), length));
  }
}

function storageRecord({ key, tensor, dtype, byteLength }: SavedStorage): ZipRecord {
  let whole = tensor;
  const part = (): StoragePart => {
    // On another device the tensor may be a part; all of its storage is copied over, once, and dropped after writing.
    if (tensor.device.type !== 'cpu') whole = asView(tensor, dtype, [byteLength / elementSizes[dtype]], [1]).cpu();
    return new StoragePart(whole, 0, byteLength);
  };
  const release = (): void => {
    whole.dispose();
    tensor.dispose();
  };
  return {
    name: `${topFolder}/data/${key}`,
    size: byteLength,
    part,
    release,
    *chunks() {
      if (byteLength > 0) yield part().bytes();
      release();
    },
  };
}
