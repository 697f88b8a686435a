import { empty } from '../creation.js';
import { type DeviceLike, devices } from '../device.js';
import { asView } from '../storage.js';
import type { Tensor } from '../tensor.js';
import { BufferSource, FileSource, type TensorSource } from './byteSource.js';
import { SerializeError } from './errors.js';
import { MappedFile } from './mappedFile.js';
import { dtypeOf, readSafetensorsHeader, type SafetensorsEntry, type SafetensorsHeader } from './safetensorsHeader.js';
import { describeSource } from './zipReader.js';

export interface SafetensorsOptions {
  /** Where the tensors go; default `cpu`. */
  device?: DeviceLike;
}

export interface SafetensorsFileOptions extends SafetensorsOptions {
  /**
   * Makes CPU tensors views of the file, whose pages are read when they are used; default false. What is written to such
   * a tensor stays in this process. See `LoadOptions.mmap` for what may happen to the file meanwhile.
   */
  mmap?: boolean;
}

/** What a file says of one tensor; `dtype` is the format's own name, such as `F32`. */
export type SafetensorsInfo = Pick<SafetensorsEntry, 'dtype' | 'shape' | 'byteLength'>;

/** A tensor, and what is to be read into it before it is what the file holds. */
interface Draft {
  tensor: Tensor;
  isFilled: boolean;
  position: number;
  byteLength: number;
}

/**
 * An open safetensors file. Opening reads and checks the header only; `get` reads one tensor. Close it when done, or
 * declare it with `using`; tensors stay valid.
 */
export class SafetensorsFile {
  private readonly header: SafetensorsHeader;
  private readonly mapping: MappedFile | null = null;
  private isOpen = true;

  /** Use {@link openSafetensors}. */
  constructor(
    private readonly source: TensorSource,
    private readonly options: SafetensorsFileOptions = {},
  ) {
    try {
      this.header = readSafetensorsHeader(source);
      if (options.mmap && source instanceof FileSource) this.mapping = new MappedFile(source);
    } catch (error) {
      this.closeSource();
      throw error;
    }
  }

  /** Text by name that the writer left; empty where there is none. */
  get metadata(): ReadonlyMap<string, string> {
    return this.header.metadata;
  }

  /** Names of the tensors, in the order of their bytes. */
  names(): string[] {
    return [...this.header.entries.keys()];
  }

  has(name: string): boolean {
    return this.header.entries.has(name);
  }

  /** @throws SerializeError `RECORD_MISSING` */
  info(name: string): SafetensorsInfo {
    const { dtype, shape, byteLength } = this.entry(name);
    return { dtype, shape: [...shape], byteLength };
  }

  /**
   * Reads one tensor.
   *
   * @throws SerializeError `RECORD_MISSING`, `READ_FAILED`, `DEVICE_UNAVAILABLE`, and `FILE_UNSUPPORTED` for element types
   *   that the engine does not have, such as `F8_E4M3`.
   */
  get(name: string): Tensor {
    const draft = this.draft(name);
    if (!draft.isFilled) this.source.fill(draft.tensor, draft.position, draft.byteLength, false);
    return this.finish(draft);
  }

  /** {@link get} without blocking the event loop. */
  async getLater(name: string): Promise<Tensor> {
    const draft = this.draft(name);
    if (!draft.isFilled) {
      if (this.source instanceof FileSource)
        await this.source.fillLater(draft.tensor, draft.position, draft.byteLength);
      else this.source.fill(draft.tensor, draft.position, draft.byteLength, false);
    }
    return this.finish(draft);
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.mapping?.close();
    this.closeSource();
  }
  [Symbol.dispose](): void {
    this.close();
  }

  private closeSource(): void {
    if (this.source instanceof FileSource) this.source.close();
  }

  private entry(name: string): SafetensorsEntry {
    const entry = this.header.entries.get(name);
    if (entry !== undefined) return entry;
    const { path } = this.source;
    throw new SerializeError('RECORD_MISSING', `${describeSource(this.source)} has no tensor ${JSON.stringify(name)}`, {
      path,
    });
  }

  private draft(name: string): Draft {
    const { dtype: type, shape, position, byteLength } = this.entry(name);
    const about = () => `${describeSource(this.source)}: the tensor ${JSON.stringify(name)}`;
    const { path } = this.source;
    if (!this.isOpen) {
      throw new SerializeError('READ_FAILED', `${about()} cannot be read any more: the file was closed`, { path });
    }
    const dtype = dtypeOf(type);
    if (dtype === null) {
      throw new SerializeError('FILE_UNSUPPORTED', `${about()} has ${type} elements, which this engine does not have`, {
        path,
      });
    }
    this.checkDevice();
    try {
      if (byteLength === 0) return { tensor: empty(shape, { dtype }), isFilled: true, position, byteLength };
      const owner = this.mapping?.slice(position, byteLength, dtype) ?? null;
      if (owner !== null) {
        const tensor = asView(owner, dtype, shape, rowMajor(shape));
        owner.dispose();
        return { tensor, isFilled: true, position, byteLength };
      }
      return { tensor: empty(shape, { dtype }), isFilled: false, position, byteLength };
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SerializeError('SAFETENSORS_CORRUPT', `${about()} cannot be made: ${reason}`, { path, cause });
    }
  }

  private finish({ tensor }: Draft): Tensor {
    const { device = 'cpu' } = this.options;
    if (String(device) === 'cpu') return tensor;
    const moved = tensor.to(device);
    tensor.dispose();
    return moved;
  }

  private checkDevice(): void {
    const device = String(this.options.device ?? 'cpu');
    if (device === 'cpu') return;
    const present = devices();
    if (present.some((name) => name === device || name === `${device}:0`)) return;
    throw new SerializeError(
      'DEVICE_UNAVAILABLE',
      `the device ${device} is not here; there are: ${present.join(', ')}`,
    );
  }
}

function rowMajor(shape: number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i] as number;
  }
  return strides;
}

/**
 * Opens a safetensors file to read its tensors by name, one at a time.
 *
 * @throws SerializeError `READ_FAILED`, `SAFETENSORS_CORRUPT`
 */
export function openSafetensors(path: string, options: SafetensorsFileOptions = {}): SafetensorsFile {
  return new SafetensorsFile(new FileSource(path), options);
}

/**
 * All tensors of a safetensors file by name: what Python's `safetensors.torch.load_file` gives, and
 * `module.loadStateDict` takes.
 *
 * @throws SerializeError `READ_FAILED`, `SAFETENSORS_CORRUPT`, `FILE_UNSUPPORTED`, `DEVICE_UNAVAILABLE`
 */
export async function loadSafetensors(
  path: string,
  options: SafetensorsFileOptions = {},
): Promise<Map<string, Tensor>> {
  using file = openSafetensors(path, options);
  const tensors = new Map<string, Tensor>();
  for (const name of file.names()) tensors.set(name, await file.getLater(name));
  return tensors;
}

/** {@link loadSafetensors} without yielding. */
export function loadSafetensorsSync(path: string, options: SafetensorsFileOptions = {}): Map<string, Tensor> {
  using file = openSafetensors(path, options);
  return new Map(file.names().map((name) => [name, file.get(name)]));
}

/** {@link loadSafetensors} from bytes in memory, which are copied. */
export function deserializeSafetensors(bytes: Uint8Array, options: SafetensorsOptions = {}): Map<string, Tensor> {
  const file = new SafetensorsFile(new BufferSource(bytes), { device: options.device ?? 'cpu' });
  return new Map(file.names().map((name) => [name, file.get(name)]));
}
