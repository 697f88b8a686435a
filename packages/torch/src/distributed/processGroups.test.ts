import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { native } from '../native.js';
import * as nn from '../nn/index.js';
import * as dist from './index.js';
import { replaceTensors, tensorsIn } from './outputTensors.js';

// A job of one process: everything but the others. test/distributed/ has those.

const codeOf = (fn: () => unknown): unknown => {
  try {
    fn();
  } catch (error) {
    return [(error as dist.DistributedError).name, (error as dist.DistributedError).code];
  }
  return 'nothing thrown';
};
const refused = (code: string) => ['DistributedError', code];

describe('without a job', () => {
  it('groups, ranks and wrappers are asked for in vain', () => {
    expect(dist.isInitialized()).toBe(false);
    for (const fn of [dist.getRank, dist.getWorldSize, dist.defaultGroup, dist.defaultStore])
      expect(codeOf(() => fn())).toEqual(refused('DISTRIBUTED_NOT_INITIALIZED'));
    expect(codeOf(() => new dist.DistributedDataParallel(new nn.Linear(1, 1)))).toEqual(
      refused('DISTRIBUTED_NOT_INITIALIZED'),
    );
  });

  it('says which backends there are', () => {
    expect(dist.isAvailable()).toBe(dist.availableBackends().length > 0);
    expect(native.distributedBackends()).not.toBe(null);
  });

  it.each<[string, dist.InitProcessGroupOptions, Record<string, string>, RegExp]>([
    ['DISTRIBUTED_BACKEND', { backend: 'mpi' as dist.BackendName }, {}, /no backend 'mpi'.*'gloo'/],
    ['DISTRIBUTED_ARGUMENT', { initMethod: 'http://x' }, {}, /env:\/\/, tcp:\/\/ or file:\/\//],
    ['DISTRIBUTED_ARGUMENT', { initMethod: 'tcp://nowhere', rank: 0, worldSize: 1 }, {}, /tcp:\/\/10\.0\.0\.1:29500/],
    ['DISTRIBUTED_ARGUMENT', { initMethod: 'file:///x', worldSize: 2 }, {}, /rank is missing/],
    ['DISTRIBUTED_ARGUMENT', { initMethod: 'file:///x', rank: 2, worldSize: 2 }, {}, /rank 2 is not below/],
    ['DISTRIBUTED_ARGUMENT', {}, { RANK: '0', WORLD_SIZE: '1', MASTER_PORT: '1' }, /MASTER_ADDR is not set/],
    ['DISTRIBUTED_ARGUMENT', {}, { RANK: 'first', WORLD_SIZE: '1' }, /RANK must be a whole number, got 'first'/],
    ['DISTRIBUTED_ARGUMENT', { timeout: 0 }, {}, /timeout must be a time in milliseconds, got 0/],
  ])('%s: %j %j', async (code, options, env, message) => {
    Object.assign(process.env, env);
    const joining = dist.initProcessGroup(options);
    for (const variable of Object.keys(env)) delete process.env[variable];
    await expect(joining).rejects.toMatchObject({
      name: 'DistributedError',
      code,
      message: expect.stringMatching(message),
    });
    expect(dist.isInitialized()).toBe(false);
  });
});

describe('a job of one process', () => {
  let group: dist.ProcessGroup;
  beforeEach(async () => {
    group = await dist.initProcessGroup({ store: new dist.HashStore(), rank: 0, worldSize: 1 });
  });
  afterEach(async () => {
    if (dist.isInitialized()) await dist.destroyProcessGroup();
  });

  it('is joined once at a time, and gone after destroyProcessGroup', async () => {
    expect([dist.getRank(), dist.getWorldSize(), group.backend, group.ranks]).toEqual([0, 1, 'gloo', [0]]);
    await expect(dist.initProcessGroup({ store: new dist.HashStore(), rank: 0, worldSize: 1 })).rejects.toMatchObject({
      code: 'DISTRIBUTED_ARGUMENT',
    });
    await dist.destroyProcessGroup();
    expect(dist.isInitialized()).toBe(false);
    expect(codeOf(() => group.barrier())).toEqual(refused('DISTRIBUTED_NOT_INITIALIZED'));
  });

  it('reduces and moves to itself', () => {
    const tensor = torch.tensor([1.5, 2]);
    group.allReduce(tensor, { op: 'avg' });
    const gathered = torch.zeros([2]);
    group.allGatherIntoTensor(gathered, tensor);
    expect(gathered.tolist()).toEqual([1.5, 2]);
    expect(dist.allGatherObject({ a: 1 })).toEqual([{ a: 1 }]);
  });

  it.each<[string, (group: dist.ProcessGroup) => unknown, RegExp]>([
    ['no tensor', (g) => g.allReduce([1] as unknown as torch.Tensor), /must be a tensor, got object/],
    [
      'no reduction',
      (g) => g.allReduce(torch.ones(1), { op: 'mean' as 'avg' }),
      /'mean' is no reduction; use one of sum, avg/,
    ],
    ['bits of floats', (g) => g.allReduce(torch.ones(1), { op: 'bor' }), /integers and bools, got float32/],
    ['average of bools', (g) => g.allReduce(torch.tensor([true]), { op: 'avg' }), /bools have no average/],
    [
      'largest complex',
      (g) => g.allReduce(torch.zeros([1], { dtype: 'complex64' }), { op: 'max' }),
      /summed and averaged/,
    ],
    ['a stranger', (g) => g.broadcast(torch.ones(1), { src: 3 }), /rank 3 is not in this group, which has the ranks 0/],
    ['too few outputs', (g) => g.allGather([], torch.ones(1)), /one tensor for each of the 1 ranks, got 0/],
    [
      'another dtype',
      (g) => g.allGather([torch.zeros(1)], torch.tensor([1])),
      /float32\[1\], which does not fit int64\[1\]/,
    ],
    ['another size', (g) => g.allGatherIntoTensor(torch.zeros(3), torch.ones(1)), /must be float32 with 1 elements/],
    [
      'splits',
      (g) => g.allToAllSingle(torch.zeros(2), torch.ones(2), { inputSplits: [1] }),
      /add up to 1, and it has 2 rows/,
    ],
    ['a message to oneself', (g) => g.send(torch.ones(1), { dst: 0 }), /dst is this rank itself/],
    ['a sparse broadcast', (g) => g.broadcast(torch.eye(2).toSparse(), { src: 0 }), /only allReduce takes sparse/],
  ])('refuses %s before anything is sent', (_, call, message) => {
    expect(codeOf(() => call(group))).toEqual(refused('DISTRIBUTED_ARGUMENT'));
    expect(() => call(group)).toThrow(message);
  });

  it('refuses groups that cannot be', async () => {
    for (const ranks of [[], [1], [0, 0]])
      await expect(dist.newGroup(ranks)).rejects.toMatchObject({ code: 'DISTRIBUTED_ARGUMENT' });
  });

  it('refuses to wrap what cannot be trained or exchanged', () => {
    const frozen = new nn.Linear(1, 1).requiresGrad_(false);
    expect(codeOf(() => new dist.DistributedDataParallel(frozen))).toEqual(refused('DISTRIBUTED_ARGUMENT'));
    const model = new nn.Linear(1, 1);
    for (const options of [{ bucketCapMb: 0 }, { commHook: 'fp8' as 'fp16' }])
      expect(codeOf(() => new dist.DistributedDataParallel(model, options))).toEqual(refused('DISTRIBUTED_ARGUMENT'));
    const wrapper = new dist.DistributedDataParallel(model);
    expect(codeOf(() => wrapper.clone())).toEqual(refused('DISTRIBUTED_ARGUMENT'));
    wrapper.dispose();
    expect(codeOf(() => wrapper.forward(torch.ones([1, 1])))).toEqual(refused('DISTRIBUTED_NOT_INITIALIZED'));
  });

  it('throws what a communication hook throws, out of backward', () => {
    const failing = () => {
      throw new RangeError('from the hook');
    };
    const wrapper = new dist.DistributedDataParallel(new nn.Linear(1, 1), { commHook: failing });
    expect(() =>
      wrapper
        .forward(torch.ones([1, 1]))
        .sum()
        .backward(),
    ).toThrow(new RangeError('from the hook'));
  });

  it('calls off all collectives when told so', async () => {
    const channel = new dist.FailureChannel(group.store);
    expect(await channel.firstFailure()).toBe(null);
    await channel.watch({ interval: 10 });
    expect(await channel.reportFailure(5, new Error('disk full'))).toBe(true);
    expect(await channel.firstFailure()).toMatchObject({ rank: 5, message: 'disk full', pid: process.pid });
    await expect
      .poll(() => codeOf(() => group.allReduce(torch.ones(1))), { timeout: 5_000 })
      .toEqual(refused('DISTRIBUTED_ABORTED'));
    expect(() => group.barrier()).toThrow(/rank 5 failed first: Error: disk full/);
    await channel.stop();
  });

  it('replaces tensors in outputs, and leaves other values alone', () => {
    const [a, b] = [torch.ones(1), torch.zeros(1)];
    const date = new Date(0);
    const output = { list: [a, 2, [b]], map: new Map([['k', a]]), date, text: 'x' };
    expect(tensorsIn(output).map((each) => [a, b].indexOf(each))).toEqual([0, 1, 0]);
    const replaced = replaceTensors(output, new Map([[a, b]])) as typeof output;
    expect(replaced.list[0]).toBe(b);
    expect((replaced.list[2] as torch.Tensor[])[0]).toBe(b);
    expect(replaced.map.get('k')).toBe(b);
    expect([replaced.date, replaced.text]).toEqual([date, 'x']);
  });
});
