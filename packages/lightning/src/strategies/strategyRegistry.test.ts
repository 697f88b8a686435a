import { Device } from '@lightning-ts/torch';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LightningError } from '../errors.js';
import { Trainer } from '../trainer/trainer.js';
import { DDPStrategy } from './ddpStrategy.js';
import { LayerSync } from './layerSync.js';
import { SingleDeviceStrategy } from './singleDeviceStrategy.js';
import { StrategyRegistry } from './strategyRegistry.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

const errorOf = (act: () => unknown): LightningError => {
  try {
    act();
  } catch (error) {
    if (error instanceof LightningError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
};

describe('a strategy by name', () => {
  it.each(['ddp', 'DDP', 'ddp_find_unused_parameters_true', 'ddp_spawn', 'ddp_fork_find_unused_parameters_false'])(
    '%s trains in several processes',
    (strategy) => {
      const trainer = new Trainer({ accelerator: 'cpu', devices: 2, strategy });
      expect(trainer.strategy).toBeInstanceOf(DDPStrategy);
      expect([trainer.worldSize, trainer.numDevices, trainer.globalRank, trainer.isGlobalZero]).toEqual([
        2,
        2,
        0,
        true,
      ]);
    },
  );

  it('follows from the number of devices and machines', () => {
    expect(new Trainer({ accelerator: 'cpu', devices: 3 }).worldSize).toBe(3);
    expect(new Trainer({ accelerator: 'cpu', devices: '2' }).strategy).toBeInstanceOf(DDPStrategy);
    expect(new Trainer({ accelerator: 'cpu', devices: 1 }).strategy).toBeInstanceOf(SingleDeviceStrategy);
    for (const [name, value] of Object.entries({ MASTER_ADDR: 'a', MASTER_PORT: '7', NODE_RANK: '1' }))
      vi.stubEnv(name, value);
    const trainer = new Trainer({ accelerator: 'cpu', devices: 2, numNodes: 2 });
    expect([trainer.worldSize, trainer.globalRank, trainer.isGlobalZero]).toEqual([4, 2, false]);
  });

  it('follows from what a cluster has started', () => {
    for (const [name, value] of Object.entries({ RANK: '1', WORLD_SIZE: '2', MASTER_PORT: '7', LOCAL_RANK: '1' }))
      vi.stubEnv(name, value);
    const trainer = new Trainer({ accelerator: 'cpu', devices: 2 });
    expect([trainer.worldSize, trainer.globalRank, trainer.localRank]).toEqual([2, 1, 1]);
    expect(errorOf(() => new Trainer({ accelerator: 'cpu', devices: 3 })).code).toBe('OPTION_CONFLICT');
  });

  it('that is unknown is an error with the nearest names', () => {
    const error = errorOf(() => new Trainer({ strategy: 'dpp' }));
    expect(error.code).toBe('OPTION_INVALID');
    expect(error.message).toContain("'ddp'");
    expect(errorOf(() => new Trainer({ strategy: 'fsdp' })).code).toBe('OPTION_UNAVAILABLE');
    expect(errorOf(() => new Trainer({ strategy: 'ddp_notebook' })).message).toContain('notebook');
  });
});

describe('a strategy of one’s own', () => {
  it('can be registered under a name, once', () => {
    class Own extends SingleDeviceStrategy {}
    StrategyRegistry.register('own', () => new Own(new Device('cpu')), { description: 'for this test' });
    expect(new Trainer({ strategy: 'own' }).strategy).toBeInstanceOf(Own);
    expect(StrategyRegistry.get('OWN').description).toBe('for this test');
    expect(errorOf(() => StrategyRegistry.register('own', () => new DDPStrategy())).code).toBe('OPTION_CONFLICT');
    StrategyRegistry.register('own', () => new DDPStrategy(), { override: true });
    expect(new Trainer({ strategy: 'own' }).strategy).toBeInstanceOf(DDPStrategy);
    expect(StrategyRegistry.remove('own')).toBe(true);
    expect(errorOf(() => new Trainer({ strategy: 'own' })).code).toBe('OPTION_INVALID');
  });

  it('that is a DDPStrategy takes its devices from the Trainer', () => {
    const strategy = new DDPStrategy({ findUnusedParameters: true });
    expect(new Trainer({ accelerator: 'cpu', devices: 2, strategy }).worldSize).toBe(2);
  });
});

describe('impossible devices and options', () => {
  it.each([[0], [-1], [1.5], [[0, 1]], ['two'], ['0,1']])('%j on the CPU', (devices) => {
    expect(errorOf(() => new Trainer({ accelerator: 'cpu', devices })).code).toBe('OPTION_INVALID');
  });

  it.each([
    [{ lostAfter: -1 }, 'OPTION_INVALID'],
    [{ timeout: 0 }, 'OPTION_INVALID'],
    [{ output: 'loud' }, 'OPTION_INVALID'],
    [{ commHook: 'gzip' }, 'OPTION_INVALID'],
    [{ processGroupBackend: 'mpi' }, 'OPTION_INVALID'],
    [{ maxRestarts: 1.5 }, 'OPTION_INVALID'],
    [{ findUnusedParameter: true }, 'OPTION_UNKNOWN'],
    [{ maxRestarts: 1, minProcesses: 0 }, 'OPTION_INVALID'],
    [{ minProcesses: 1 }, 'OPTION_CONFLICT'],
  ])('%j of a DDPStrategy', (options, code) => {
    expect(errorOf(() => new DDPStrategy(options as never)).code).toBe(code);
  });

  it('restarts with more processes than there are, or that somebody else starts', () => {
    const more = new DDPStrategy({ maxRestarts: 1, minProcesses: 3 });
    expect(errorOf(() => new Trainer({ accelerator: 'cpu', devices: 2, strategy: more })).code).toBe('OPTION_INVALID');
    for (const [name, value] of Object.entries({ MASTER_ADDR: 'a', MASTER_PORT: '7' })) vi.stubEnv(name, value);
    const strategy = new DDPStrategy({ maxRestarts: 1 });
    const error = errorOf(() => new Trainer({ accelerator: 'cpu', devices: 2, numNodes: 2, strategy }));
    expect([error.code, error.message.includes('torchrun has --max_restarts')]).toEqual(['OPTION_CONFLICT', true]);
  });

  it('two ways to make layers work together', () => {
    class Own extends LayerSync {
      override apply(): void {}
      override revert(): void {}
    }
    const options = { accelerator: 'cpu', devices: 2, plugins: new Own() } as const;
    expect(errorOf(() => new Trainer({ ...options, syncBatchnorm: true })).code).toBe('OPTION_CONFLICT');
    expect(new Trainer(options).worldSize).toBe(2);
  });

  it('a test runner cannot be run again for the other processes', async () => {
    const trainer = new Trainer({ accelerator: 'cpu', devices: 2, logger: false, enableCheckpointing: false });
    const { BoringModel } = await import('../testing/boringModel.js');
    await expect(trainer.validate(new BoringModel())).rejects.toMatchObject({ code: 'LAUNCH_IMPOSSIBLE' });
  });
});
