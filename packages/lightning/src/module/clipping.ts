import { LightningError } from '../errors.js';
import type { ModuleContext } from './moduleContext.js';

export const noClipping: ModuleContext['clipping'] = { gradientClipVal: null, gradientClipAlgorithm: 'norm' };

/**
 * @param value what `clipGradients` was asked for
 * @throws LightningError OPTION_INVALID, OPTION_CONFLICT when the Trainer was told something else
 */
export function checkClipping(value: unknown, algorithm: unknown, ofTrainer: ModuleContext['clipping']): void {
  if (value !== null && (typeof value !== 'number' || Number.isNaN(value)))
    throw new LightningError(
      'OPTION_INVALID',
      `clipGradients: gradientClipVal is ${String(value)}. Use a number or null.`,
    );
  if (algorithm !== 'norm' && algorithm !== 'value') {
    throw new LightningError(
      'OPTION_INVALID',
      `clipGradients: gradientClipAlgorithm is '${String(algorithm)}'. Use 'norm' or 'value'.`,
    );
  }
  const { gradientClipVal } = ofTrainer;
  const isOther =
    gradientClipVal !== null && (value !== gradientClipVal || algorithm !== ofTrainer.gradientClipAlgorithm);
  if (!isOther) return;
  throw new LightningError(
    'OPTION_CONFLICT',
    `clipGradients was asked for ${String(value)} by ${algorithm}, but the Trainer has gradientClipVal ${gradientClipVal} by ` +
      `${ofTrainer.gradientClipAlgorithm}. Leave the Trainer's out to clip by hand.`,
  );
}
