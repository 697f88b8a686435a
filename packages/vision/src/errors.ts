/** Every code an error of this package may carry, and when it does. Codes are stable; messages are not. */
export const visionErrorCodes = {
  DATASET_CORRUPT: 'A file of a dataset is cut, damaged, or not what its name says.',
  DATASET_MISSING: 'A file of a dataset is in none of the places where it is looked for.',
  DOWNLOAD_FAILED: 'A file could not be downloaded from any of its mirrors.',
  CHECKSUM_MISMATCH: 'A downloaded file is not the one that was expected.',
  INDEX_OUT_OF_RANGE: 'A sample was asked for that the dataset does not have.',
  MODEL_UNKNOWN: 'A model was asked for by a name that no model has.',
  WEIGHTS_UNKNOWN: 'Published weights were asked for that are not known for the model.',
  WEIGHTS_MISSING: 'A file of weights is not where it is looked for.',
  WEIGHTS_INVALID: 'A state dict is not one of the kind of model it was given to.',
  OPTION_INVALID: 'An option has a value outside what it accepts.',
  IMAGE_INVALID: 'A transform was given a tensor whose shape or type it cannot use.',
  IMAGE_UNREADABLE: 'A file or its bytes could not be read as an image.',
  IMAGE_TOO_LARGE: 'An image has more pixels than are allowed.',
  ARGUMENT_INVALID: 'A function was given a tensor or value that it cannot use.',
  DATASET_EMPTY: 'A folder of images, or a class of one, has no images.',
  TRANSFORM_OUTPUT: 'A transform returned something other than what was expected of it.',
} as const satisfies Record<string, string>;

/** One of the keys of {@link visionErrorCodes}. */
export type VisionErrorCode = keyof typeof visionErrorCodes;

/** An error of this package: what was expected, what came, and what to do, under a stable code. */
export class VisionError extends Error {
  readonly code: VisionErrorCode;

  constructor(code: VisionErrorCode, message: string, options?: ErrorOptions) {
    super(`${code}: ${message}`, options);
    this.name = 'VisionError';
    this.code = code;
  }
}
