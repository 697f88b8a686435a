import { elementSizes } from '../creation.js';
import type { DType } from '../dtype.js';
import { mapFile, storageSlice } from '../storage.js';
import type { Tensor } from '../tensor.js';
import { type FileSource, readFailed } from './byteSource.js';

/**
 * A file mapped into memory, copy on write. Every part handed out is a storage of its own, so that saving one tensor
 * does not write the whole file, and keeps the mapping alive by itself.
 *
 * The file may be deleted or replaced by a rename (as our own saving does) while it is mapped: the mapping keeps what it
 * had. A file that is made shorter in place is a fault the system answers by ending the process (SIGBUS).
 */
export class MappedFile {
  private readonly whole: Tensor;

  /** @throws SerializeError `READ_FAILED` */
  constructor(source: FileSource) {
    try {
      this.whole = mapFile(source.fd, source.size);
    } catch (cause) {
      throw readFailed(source.path, cause);
    }
  }

  /** uint8[length] over a part of the file; null where elements of `dtype` would not be aligned in memory. */
  slice(position: number, length: number, dtype: DType): Tensor | null {
    // The parts of a complex number are aligned by themselves.
    return position % Math.min(elementSizes[dtype], 8) === 0 ? storageSlice(this.whole, position, length) : null;
  }

  /** Lets go of the mapping; tensors made from it keep it. */
  close(): void {
    this.whole.dispose();
  }
}
