import { Device, devices as listDevices } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { describe } from '../module/hparams.js';
import { TorchSyncBatchNorm } from '../strategies/layerSync.js';
import { SingleDeviceStrategy } from '../strategies/singleDeviceStrategy.js';
import type { Strategy } from '../strategies/strategy.js';
import { StrategyRegistry } from '../strategies/strategyRegistry.js';
import type { TrainerOptions } from './options.js';
import type { ResolvedPlugins } from './resolvePlugins.js';

/**
 * Chooses the strategy and the devices from `accelerator`, `devices`, `numNodes`, `strategy`, and what started this process.
 *
 * @throws LightningError OPTION_INVALID, OPTION_UNAVAILABLE, OPTION_CONFLICT, ENVIRONMENT_INVALID
 */
export function resolveStrategy(
  { accelerator = 'auto', devices: given = 'auto', strategy = 'auto', syncBatchnorm = false }: TrainerOptions,
  numNodes: number,
  { environment, layerSync }: ResolvedPlugins,
): Strategy {
  if (layerSync !== null && syncBatchnorm)
    throw new LightningError(
      'OPTION_CONFLICT',
      `plugins has a ${layerSync.constructor.name}, and syncBatchnorm is true, which is a LayerSync too. Leave one.`,
    );
  const isInstance = typeof strategy === 'object' && strategy !== null;
  if (isInstance) {
    if (typeof (strategy as Partial<Strategy>).connect !== 'function')
      throw new LightningError('OPTION_INVALID', `strategy is ${describe(strategy)}. Use a name or a Strategy.`);
    if (strategy.useResources === undefined) {
      if (accelerator === 'auto' && given === 'auto') return strategy;
      throw new LightningError(
        'OPTION_CONFLICT',
        `strategy is a ${strategy.constructor.name}, which brings its device, but accelerator or devices is set too. Leave them out.`,
      );
    }
  } else if (typeof strategy !== 'string')
    throw new LightningError('OPTION_INVALID', `strategy is ${describe(strategy)}. Use a name or a Strategy.`);
  // What a cluster has started is what is there to train with.
  const isStarted = environment.createsProcessesExternally && environment.worldSize() > 1;
  const devices = given === 'auto' && isStarted ? (environment.devicesPerNode() ?? 'auto') : given;
  const name = isInstance ? '' : String(strategy).toLowerCase();
  const isPlain = numNodes === 1 && !isStarted && (devices === 'auto' || devices === 1);
  // 'auto' cannot be wrong, so it may wait until a run needs the device; all else is checked here.
  if (accelerator === 'auto' && isPlain && (name === 'auto' || name === 'single_device'))
    return new SingleDeviceStrategy(() => resolveDevices('auto', 'auto')[0]!);
  const entry = isInstance || name === 'auto' || name === 'single_device' ? null : StrategyRegistry.get(name);
  const list = resolveDevices(accelerator, devices);
  const processes = isStarted ? environment.worldSize() : list.length * numNodes;
  if (name === 'single_device' && processes > 1) {
    throw new LightningError(
      'OPTION_CONFLICT',
      `strategy is 'single_device', but there are ${processes} processes. Use 'ddp', or one device.`,
    );
  }
  if (name === 'single_device' || (name === 'auto' && processes === 1)) return new SingleDeviceStrategy(list[0]!);
  const chosen = isInstance ? strategy : (entry ?? StrategyRegistry.get('ddp')).create();
  chosen.useResources?.({
    devices: list,
    numNodes,
    environment,
    layerSync: layerSync ?? (syncBatchnorm ? new TorchSyncBatchNorm() : null),
  });
  return chosen;
}

/** One device for each process on this machine. */
function resolveDevices(accelerator: unknown, devices: unknown): Device[] {
  const available = accelerator === 'cpu' ? ['cpu'] : listDevices();
  const type = acceleratorType(accelerator, available);
  if (type !== 'cuda') {
    const count = deviceCount(devices, type);
    return Array.from({ length: count }, () => new Device(type));
  }
  const present = available.filter((name) => name.startsWith('cuda:')).length || (available.includes('cuda') ? 1 : 0);
  return cudaIndices(devices, present).map((index) => {
    if (index < present) return new Device(`cuda:${index}`);
    throw new LightningError(
      'OPTION_INVALID',
      `devices asks for cuda:${index}, but this machine has ${available.join(', ')}.`,
    );
  });
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

/** Processes on the CPU, or the one mps device. */
function deviceCount(devices: unknown, type: 'cpu' | 'mps'): number {
  const count =
    devices === 'auto' ? 1 : typeof devices === 'string' && /^\d+$/.test(devices) ? Number(devices) : devices;
  if (typeof count === 'number' && Number.isInteger(count) && count > 0 && (type === 'cpu' || count === 1))
    return count;
  throw new LightningError(
    'OPTION_INVALID',
    `devices is ${describe(devices)}. ${type === 'cpu' ? "On the CPU it is the number of processes: use 'auto' (one) or a whole number from 1 up" : "mps is one device: use 'auto' or 1"}.`,
  );
}

/** Which of the GPUs: `2` is two of them, `[2]` and `'2,'` the third. */
function cudaIndices(devices: unknown, present: number): number[] {
  const invalid = (): LightningError =>
    new LightningError(
      'OPTION_INVALID',
      `devices is ${describe(devices)}. Use 'auto' or -1 (all ${present}), how many (1), or which ones, each once ([0, 1] or '0,1').`,
    );
  const list = Array.isArray(devices)
    ? devices
    : typeof devices === 'string' && devices.includes(',')
      ? devices.split(',').filter(Boolean).map(Number)
      : null;
  if (list !== null) {
    const isGood = list.every((index) => Number.isInteger(index) && index >= 0) && new Set(list).size === list.length;
    if (!isGood || list.length === 0) throw invalid();
    return list as number[];
  }
  const text = typeof devices === 'string' ? devices.trim() : null;
  const count = text === 'auto' || text === '-1' ? -1 : text === null ? devices : Number(text || Number.NaN);
  if (typeof count !== 'number' || !Number.isInteger(count) || count === 0 || count < -1) throw invalid();
  return Array.from({ length: count === -1 ? present : count }, (_, index) => index);
}
