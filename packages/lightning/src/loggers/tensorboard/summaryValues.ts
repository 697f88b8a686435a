import type { Tensor } from '@lightning-ts/torch';
import { LightningError } from '../../errors.js';
import { encodeMessage, type SummaryValue } from './eventMessages.js';
import type { Picture } from './png.js';

/** Markdown text, as the text view shows it. */
export function textValue(tag: string, text: string): SummaryValue {
  const bytes = Buffer.from(text);
  return {
    tag: `${tag}/text_summary`,
    metadata: { plugin_data: { plugin_name: 'text', content: new Uint8Array() } },
    tensor: { dtype: 7, tensor_shape: { dim: [{ size: 1 }] }, string_val: [bytes] },
  };
}

export function imageValue(tag: string, { channels, height, png, width }: Picture): SummaryValue {
  return { tag, image: { height, width, colorspace: channels, encoded_image_string: png } };
}

/**
 * Sound as a 16-bit WAV file.
 *
 * @param sound from -1 to 1, [frames] or [channels, frames]; what is louder is cut off
 * @param sampleRate frames a second
 * @throws LightningError LOGGER_VALUE for another number of dimensions
 */
export function audioValue(tag: string, sound: Tensor, sampleRate: number): SummaryValue {
  if (sound.dim() < 1 || sound.dim() > 2) {
    throw new LightningError(
      'LOGGER_VALUE',
      `The sound '${tag}' has the shape [${sound.shape.join(', ')}]. Use [frames] or [channels, frames].`,
    );
  }
  const channelsFirst = sound.dim() === 1 ? sound.unsqueeze(0) : sound;
  const [channels, frames] = channelsFirst.shape as [number, number];
  const scaled = channelsFirst.detach().to('cpu').to('float32').clamp(-1, 1).mul(32767).to('int16').t().contiguous();
  const samples = scaled.toTypedArray();
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + samples.byteLength, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20); // plain samples
  header.writeUInt16LE(channels, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * channels * 2, 28);
  header.writeUInt16LE(channels * 2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(samples.byteLength, 40);
  const wav = Buffer.concat([header, new Uint8Array(samples.buffer, samples.byteOffset, samples.byteLength)]);
  return {
    tag,
    audio: {
      sample_rate: sampleRate,
      num_channels: channels,
      length_frames: frames,
      encoded_audio_string: wav,
      content_type: 'audio/wav',
    },
  };
}

/**
 * A precision-recall curve of a binary decision over equally spaced thresholds.
 *
 * @param labels 0 and 1, [examples]
 * @param predictions from 0 to 1, [examples]
 * @throws LightningError LOGGER_VALUE when the two differ in size
 */
export function prCurveValue(tag: string, labels: Tensor, predictions: Tensor, numThresholds: number): SummaryValue {
  if (labels.numel() !== predictions.numel() || labels.numel() === 0) {
    throw new LightningError(
      'LOGGER_VALUE',
      `The precision-recall curve '${tag}' has ${labels.numel()} labels and ${predictions.numel()} predictions. Give as many of one as of the other.`,
    );
  }
  // As TensorBoard's own writer does it: a prediction belongs to the highest threshold that is not above it.
  const bucket = predictions
    .detach()
    .to('cpu')
    .to('float64')
    .flatten()
    .mul(numThresholds - 1)
    .floor()
    .clamp(0, numThresholds - 1)
    .to('int64');
  const positive = labels.detach().to('cpu').to('float64').flatten();
  const above = (weights: Tensor): Tensor => bucket.bincount(weights, numThresholds).flip([0]).cumsum(0).flip([0]);
  const truePositives = above(positive);
  const falsePositives = above(positive.neg().add(1));
  const falseNegatives = truePositives.at(0).sub(truePositives);
  const trueNegatives = falsePositives.at(0).sub(falsePositives);
  const precision = truePositives.div(truePositives.add(falsePositives).clamp(1e-7));
  const recall = truePositives.div(truePositives.add(falseNegatives).clamp(1e-7));
  const rows = [truePositives, falsePositives, trueNegatives, falseNegatives, precision, recall];
  return {
    tag,
    metadata: {
      plugin_data: {
        plugin_name: 'pr_curves',
        content: encodeMessage('PrCurvePluginData', { version: 0, num_thresholds: numThresholds }),
      },
    },
    tensor: {
      dtype: 1,
      tensor_shape: { dim: [{ size: rows.length }, { size: numThresholds }] },
      float_val: rows.flatMap((row) => row.tolist() as number[]),
    },
  };
}
