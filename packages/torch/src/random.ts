import { type DeviceLike, type DeviceName, deviceOf } from './device.js';
import { TorchError } from './errors.js';
import { type GeneratorHandle, native } from './native.js';
import { Tensor } from './tensor.js';

function seedOf(seed: number | bigint): bigint {
  if (typeof seed === 'number' && !Number.isInteger(seed))
    throw new TorchError('ARGUMENT_TYPE', `a seed must be an integer, got ${seed}`);
  // Negative seeds wrap around as in PyTorch.
  return BigInt.asUintN(64, BigInt(seed));
}

/**
 * A stream of random numbers of its own, the engine's: the same seed gives the same numbers as `torch.Generator` in
 * Python.
 */
export class Generator {
  readonly generatorHandle: GeneratorHandle;
  readonly device: DeviceLike;

  constructor(device: DeviceLike = 'cpu', handle?: GeneratorHandle) {
    this.device = deviceOf(device);
    this.generatorHandle = handle ?? native.createGenerator(String(device));
  }

  manualSeed(seed: number | bigint): this {
    native.generatorSetSeed(this.generatorHandle, seedOf(seed));
    return this;
  }

  initialSeed(): bigint {
    return native.generatorSeed(this.generatorHandle);
  }

  /** The whole state as a uint8 tensor; `setState` puts the stream back to this point. */
  getState(): Tensor {
    return new Tensor(native.generatorState(this.generatorHandle));
  }

  setState(state: Tensor): this {
    native.generatorSetState(this.generatorHandle, state.handle);
    return this;
  }
}

const defaultGenerators = new Map<DeviceName, Generator>();

/** The generator that operators on a device use when they are given none. */
export function defaultGenerator(device: DeviceLike = 'cpu'): Generator {
  const name = deviceOf(device).toString();
  let generator = defaultGenerators.get(name);
  if (generator === undefined) {
    generator = new Generator(name, native.defaultGenerator(name));
    defaultGenerators.set(name, generator);
  }
  return generator;
}

/** Seeds the generators of every device. The same seed gives Python's numbers. */
export function manualSeed(seed: number | bigint): Generator {
  native.manualSeed(seedOf(seed));
  return defaultGenerator();
}

/** A seed that nobody could guess, set on every device and returned. */
export function seed(): bigint {
  const value = crypto.getRandomValues(new BigUint64Array(1))[0]! & 0x7fff_ffff_ffff_ffffn;
  manualSeed(value);
  return value;
}

export const initialSeed = (): bigint => defaultGenerator().initialSeed();

/** The state of a device's default generator, the CPU's by default: a uint8 tensor. */
export const getRngState = (device: DeviceLike = 'cpu'): Tensor => defaultGenerator(device).getState();
export const setRngState = (state: Tensor, device: DeviceLike = 'cpu'): void => {
  defaultGenerator(device).setState(state);
};

/**
 * Runs `fn` and puts default generators back to where they were, also when `fn` throws.
 *
 * @param options.devices whose; default: the CPU's
 */
export function forkRng<T>(fn: () => T, options: { readonly devices?: readonly DeviceLike[] } = {}): T {
  const states = (options.devices ?? ['cpu']).map((device) => [device, getRngState(device)] as const);
  const restore = () => {
    for (const [device, state] of states) setRngState(state, device);
  };
  let result: T;
  try {
    result = fn();
  } catch (error) {
    restore();
    throw error;
  }
  if (result instanceof Promise) return result.finally(restore) as T;
  restore();
  return result;
}
