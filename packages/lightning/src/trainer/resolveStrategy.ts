import { Device, devices as listDevices } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import { SingleDeviceStrategy } from '../strategies/singleDeviceStrategy.js';
import type { Strategy } from '../strategies/strategy.js';
import type { TrainerOptions } from './options.js';

/**
 * Chooses the strategy and the device from `accelerator`, `devices` and `strategy`.
 *
 * @throws LightningError OPTION_INVALID, OPTION_UNAVAILABLE, OPTION_CONFLICT
 */
export function resolveStrategy({
  accelerator = 'auto',
  devices = 'auto',
  strategy = 'auto',
}: TrainerOptions): Strategy {
  if (typeof strategy === 'object' && strategy !== null) {
    if (typeof (strategy as Partial<Strategy>).connect !== 'function') {
      throw new LightningError(
        'OPTION_INVALID',
        `strategy is ${describe(strategy)}. Use 'auto', 'single_device' or a Strategy.`,
      );
    }
    if (accelerator === 'auto' && devices === 'auto') return strategy;
    throw new LightningError(
      'OPTION_CONFLICT',
      `strategy is a ${strategy.constructor.name}, which brings its device, but accelerator or devices is set too. Leave them out.`,
    );
  }
  const name = String(strategy).toLowerCase();
  if (name !== 'auto' && name !== 'single_device') {
    const isKnown = /^(ddp|fsdp|deepspeed|xla|single_xla)/.test(name);
    throw new LightningError(
      isKnown ? 'OPTION_UNAVAILABLE' : 'OPTION_INVALID',
      `strategy '${name}' is not ${isKnown ? 'available in this version' : 'known'}. Use 'auto' or 'single_device'.`,
    );
  }
  // 'auto' cannot be wrong, so it may wait until a run needs the device; all else is checked here.
  if (accelerator === 'auto' && (devices === 'auto' || devices === 1))
    return new SingleDeviceStrategy(() => resolveDevice('auto', 'auto'));
  return new SingleDeviceStrategy(resolveDevice(accelerator, devices));
}

function resolveDevice(accelerator: unknown, devices: unknown): Device {
  const available = accelerator === 'cpu' ? ['cpu'] : listDevices();
  const type = acceleratorType(accelerator, available);
  const index = deviceIndex(devices, type);
  if (type !== 'cuda') return new Device(type);
  const name = `cuda:${index}`;
  if (available.includes(name) || (index === 0 && available.includes('cuda'))) return new Device(name);
  throw new LightningError('OPTION_INVALID', `devices asks for ${name}, but this machine has ${available.join(', ')}.`);
}

function acceleratorType(accelerator: unknown, available: readonly string[]): 'cpu' | 'cuda' | 'mps' {
  const has = (type: string): boolean => available.some((name) => name === type || name.startsWith(`${type}:`));
  const name = String(accelerator).toLowerCase();
  switch (name) {
    case 'cpu':
      return 'cpu';
    case 'auto':
      return has('cuda') ? 'cuda' : has('mps') ? 'mps' : 'cpu';
    case 'gpu':
      if (has('cuda')) return 'cuda';
      if (has('mps')) return 'mps';
      break;
    case 'cuda':
    case 'mps':
      if (has(name)) return name;
      break;
    case 'tpu':
      break;
    default:
      throw new LightningError(
        'OPTION_INVALID',
        `accelerator is ${describe(accelerator)}. Use 'auto', 'cpu', 'gpu', 'cuda' or 'mps'.`,
      );
  }
  throw new LightningError(
    'OPTION_UNAVAILABLE',
    `accelerator is '${name}', but libtorch sees only ${available.join(', ')} here. Use 'auto' to take what is there.`,
  );
}

/** Which one of several devices of a kind is meant. */
function deviceIndex(devices: unknown, type: string): number {
  const expected = type === 'cuda' ? "'auto', 1, or a list with one index such as [0]" : "'auto' or 1";
  const list = Array.isArray(devices)
    ? devices
    : typeof devices === 'string' && devices.includes(',')
      ? devices.split(',').filter(Boolean).map(Number)
      : null;
  if (list !== null && type === 'cuda' && list.length === 1 && Number.isInteger(list[0]) && list[0] >= 0)
    return Number(list[0]);
  const count = devices === 'auto' ? 1 : typeof devices === 'string' ? Number(devices) : devices;
  if (list === null && count === 1) return 0;
  const isSeveral =
    (list !== null && list.length > 1) ||
    (typeof count === 'number' && ((count > 1 && Number.isInteger(count)) || (count === -1 && type === 'cuda')));
  throw new LightningError(
    isSeveral ? 'OPTION_UNAVAILABLE' : 'OPTION_INVALID',
    `devices is ${describe(devices)}. This version runs on one device: use ${expected}.`,
  );
}
