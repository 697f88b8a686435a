import { devices } from '../device.js';
import type { DType } from '../dtype.js';
import { TorchError } from '../errors.js';
import { block } from '../modeBlock.js';
import { native } from '../native.js';
import { version } from '../runtime.js';
import { warn } from '../warnings.js';

export type AutocastDevice = 'cpu' | 'cuda';

export interface AutocastOptions {
  /** Whose operators run in lower precision; default `cpu`. */
  deviceType?: AutocastDevice;
  /** The lower precision; default bfloat16 on the CPU, float16 on CUDA. */
  dtype?: DType;
  /** False turns autocast off for the block, inside of another block for example; default true. */
  enabled?: boolean;
  /** Keep the cast copies of weights until the outermost block ends; default true. */
  cacheEnabled?: boolean;
}

const defaultType: Record<AutocastDevice, DType> = { cpu: 'bfloat16', cuda: 'float16' };

function supportedTypes(deviceType: AutocastDevice): DType[] {
  if (deviceType === 'cuda') return ['float16', 'bfloat16'];
  return Number.parseInt(version.libtorch, 10) >= 2 ? ['bfloat16', 'float16'] : ['bfloat16'];
}

function checkDevice(deviceType: string): asserts deviceType is AutocastDevice {
  if (!Object.hasOwn(defaultType, deviceType))
    throw new TorchError('ARGUMENT_RANGE', `autocast: deviceType is 'cpu' or 'cuda', got '${deviceType}'`);
}

/** Whether the block can do what it says; where not, it warns and leaves precision alone, as in PyTorch. */
function isPossible(deviceType: AutocastDevice, dtype: DType): boolean {
  if (deviceType === 'cuda' && !devices().some((name) => name.startsWith('cuda'))) {
    warn('AUTOCAST_DISABLED', 'autocast for cuda does nothing here: this libtorch sees no such device');
    return false;
  }
  const supported = supportedTypes(deviceType);
  if (supported.includes(dtype)) return true;
  if (deviceType === 'cuda')
    throw new TorchError('DTYPE_MISMATCH', `autocast for cuda takes ${supported.join(' or ')}, got ${dtype}`);
  warn(
    'AUTOCAST_DISABLED',
    `autocast for cpu takes ${supported.join(' or ')} in libtorch ${version.libtorch}, got ${dtype}; the block runs without it`,
  );
  return false;
}

/**
 * Runs `fn` with operators that gain from it (matrix products, convolutions) in lower precision, and those that need it
 * in float32; the dtype of a result is the operator's. Wrap forward and loss, not the backward, which follows the dtypes
 * of the forward. Blocks nest; the mode is the thread's, so `fn` is synchronous.
 *
 * @example
 * const loss = autocast({ deviceType: 'cpu' }, () => lossFn.forward(model.forward(images), labels));
 * loss.backward();
 */
export function autocast<T>(fn: () => T): T;
export function autocast<T>(options: AutocastOptions, fn: () => T): T;
export function autocast<T>(first: AutocastOptions | (() => T), second?: () => T): T {
  const [options, fn] = typeof first === 'function' ? [{}, first] : [first, second!];
  const { deviceType = 'cpu', enabled = true, cacheEnabled = true } = options;
  checkDevice(deviceType);
  const dtype = options.dtype ?? defaultType[deviceType];
  const isOn = enabled && isPossible(deviceType, dtype);
  return block(
    'autocast',
    () => {
      native.enterAutocast(deviceType, isOn ? dtype : getAutocastDtype(deviceType), isOn, cacheEnabled);
      return () => native.exitAutocast();
    },
    fn,
  );
}

export function isAutocastEnabled(deviceType: AutocastDevice = 'cpu'): boolean {
  checkDevice(deviceType);
  return native.isAutocastEnabled(deviceType);
}
/** The lower precision of the present block, or of the next one that is entered without a dtype. */
export function getAutocastDtype(deviceType: AutocastDevice = 'cpu'): DType {
  checkDevice(deviceType);
  return native.autocastDtype(deviceType) as DType;
}
export const isAutocastCacheEnabled = (): boolean => native.isAutocastCacheEnabled();
/** Drops the cast copies of weights, after weights were changed inside a block. */
export const clearAutocastCache = (): void => native.clearAutocastCache();
