/** Stable codes of {@link SerializeError}. */
export type SerializeErrorCode =
  /** A pickle stream is cut, damaged, or asks for something plain data never needs. */
  | 'PICKLE_CORRUPT'
  /** A zip archive's directory or one of its records is damaged or cut. */
  | 'ZIP_CORRUPT'
  /** Compressed records would unpack to far more than the file has. */
  | 'UNPACKED_TOO_LARGE'
  /** The header of a safetensors file is damaged, or does not fit the file. */
  | 'SAFETENSORS_CORRUPT'
  /** Tensors share memory, which a safetensors file cannot say. */
  | 'TENSORS_SHARED'
  /** The archive has no record of that name. */
  | 'RECORD_MISSING'
  /** A tensor in the file does not fit its storage, or its storage does not fit its record. */
  | 'TENSOR_CORRUPT'
  /** The file is not one that torch's save wrote. */
  | 'FILE_UNRECOGNIZED'
  /** The file is of a kind that another function reads, or that nothing here reads. */
  | 'FILE_UNSUPPORTED'
  /** The file cannot be opened or read. */
  | 'READ_FAILED'
  /** The file names a device that is not here. */
  | 'DEVICE_UNAVAILABLE'
  /** A value cannot be written; the message names its path. */
  | 'VALUE_UNSUPPORTED'
  /** A value contains itself, or is nested too deeply. */
  | 'VALUE_CYCLE'
  /** The disk or quota is full; whatever was at the path before is still there. */
  | 'DISK_FULL'
  /** Writing failed for another reason; whatever was at the path before is still there. */
  | 'WRITE_FAILED';

/** Where it happened and what was underneath. */
export interface SerializeErrorDetails {
  /** Byte position in the stream or file. */
  offset?: number;
  /** The file. */
  path?: string;
  cause?: unknown;
}

/** Everything that can go wrong while reading or writing files of tensors. */
export class SerializeError extends Error {
  readonly code: SerializeErrorCode;
  readonly offset: number | undefined;
  readonly path: string | undefined;

  constructor(code: SerializeErrorCode, message: string, details: SerializeErrorDetails = {}) {
    super(`${code}: ${message}`, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'SerializeError';
    this.code = code;
    this.offset = details.offset;
    this.path = details.path;
  }
}
