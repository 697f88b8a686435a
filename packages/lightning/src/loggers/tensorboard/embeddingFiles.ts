import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Tensor, zeros } from '@lightning-ts/torch';
import { LightningError } from '../../errors.js';
import { pictureOf } from './images.js';

export interface EmbeddingOptions {
  /** A label for each point, or several under `metadataHeader`. */
  readonly metadata?: readonly (string | number | readonly (string | number)[])[];
  /** The names of the labels, when there are several for each point. */
  readonly metadataHeader?: readonly string[];
  /** A picture for each point, [points, channels, height, width], floats from 0 to 1 or uint8. */
  readonly labelImages?: Tensor;
  /** Default `default`. */
  readonly tag?: string;
}

/**
 * Writes points for the projector view: their coordinates, labels and pictures as files of their own, listed in
 * `projector_config.pbtxt`.
 *
 * @param points [points, dimensions]
 * @throws LightningError LOGGER_VALUE when the parts do not fit together
 */
export function writeEmbedding(logDir: string, points: Tensor, step: number, options: EmbeddingOptions): void {
  const { metadata, metadataHeader, labelImages, tag = 'default' } = options;
  if (points.dim() !== 2) throw misfit(`has the shape [${points.shape.join(', ')}]. Use [points, dimensions]`);
  const count = points.size(0);
  if (metadata !== undefined && metadata.length !== count)
    throw misfit(`has ${count} points, but metadata has ${metadata.length} entries`);
  if (labelImages !== undefined && (labelImages.dim() !== 4 || labelImages.size(0) !== count))
    throw misfit(
      `has ${count} points, but labelImages has the shape [${labelImages.shape.join(', ')}]. Use [points, channels, height, width]`,
    );
  const folder = `${String(step).padStart(5, '0')}/${tag.replace(/[^\w.-]/g, '_')}`;
  const directory = join(logDir, folder);
  mkdirSync(directory, { recursive: true });
  const rows = points.detach().to('cpu').to('float32').tolist() as number[][];
  writeFileSync(join(directory, 'tensors.tsv'), rows.map((row) => `${row.join('\t')}\n`).join(''));
  const config = [`tensor_name: "${tag}:${String(step).padStart(5, '0')}"`, `tensor_path: "${folder}/tensors.tsv"`];
  if (metadata !== undefined) {
    const lines = metadata.map((entry) => (Array.isArray(entry) ? entry : [entry]).map(cell).join('\t'));
    const header = metadataHeader === undefined ? [] : [metadataHeader.map(cell).join('\t')];
    writeFileSync(join(directory, 'metadata.tsv'), `${[...header, ...lines].join('\n')}\n`);
    config.push(`metadata_path: "${folder}/metadata.tsv"`);
  }
  if (labelImages !== undefined) {
    const [, , height, width] = labelImages.shape as [number, number, number, number];
    writeFileSync(join(directory, 'sprite.png'), spriteOf(labelImages));
    config.push(
      `sprite {\n    image_path: "${folder}/sprite.png"\n    single_image_dim: ${width}\n    single_image_dim: ${height}\n  }`,
    );
  }
  appendFileSync(
    join(logDir, 'projector_config.pbtxt'),
    `embeddings {\n${config.map((line) => `  ${line}\n`).join('')}}\n`,
  );
}

/** All pictures in one square, row by row, as the projector expects them. */
function spriteOf(images: Tensor): Uint8Array {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  const across = Math.ceil(Math.sqrt(count));
  const square = zeros([channels, across * height, across * width], { dtype: images.dtype });
  for (let index = 0; index < count; index += 1) {
    square
      .narrow(1, Math.floor(index / across) * height, height)
      .narrow(2, (index % across) * width, width)
      .copy_(images.select(0, index));
  }
  return pictureOf(square, 'CHW').png;
}

function cell(value: string | number): string {
  return String(value).replace(/[\t\r\n]/g, ' ');
}

function misfit(fault: string): LightningError {
  return new LightningError('LOGGER_VALUE', `The embedding ${fault}.`);
}
