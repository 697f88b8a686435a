export {
  type DecodeOptions,
  decodeImage,
  decodeJpeg,
  decodePng,
  type ImageReadMode,
  imageReadModes,
} from './decodeImage.js';
export { encodeJpeg, encodePng, writeJpeg, writePng } from './encodeImage.js';
export type { ImageFormat } from './imageFormat.js';
export { decodePngIndices } from './pngIndices.js';
export { readImage } from './readImage.js';
