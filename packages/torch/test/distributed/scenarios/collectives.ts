import * as dist from '../../../src/distributed/index.js';
import type { DType, Tensor } from '../../../src/index.js';
import * as torch from '../../../src/index.js';
import type { Rank } from '../rankMain.js';

const plain = (tensor: Tensor) => tensor.tolist();
export const dtypes: DType[] = [
  'float32',
  'float64',
  'float16',
  'bfloat16',
  'int8',
  'uint8',
  'int16',
  'int32',
  'int64',
  'bool',
  'complex64',
];
const values = (dtype: DType, rank: number): Tensor =>
  dtype === 'bool'
    ? torch.tensor([true, rank === 0, false, rank > 0])
    : torch.tensor([1, 2, rank, 3 + rank], { dtype });

/** Every reduction that a dtype allows, on each way to reduce. */
export function reductions(): Record<string, unknown> {
  const group = dist.defaultGroup();
  const { rank, size } = group;
  const found: Record<string, unknown> = {};
  for (const dtype of dtypes)
    for (const op of Object.values(dist.ReduceOp)) {
      const isBitwise = op === 'band' || op === 'bor' || op === 'bxor';
      if (isBitwise && !(dtype === 'bool' || dtype.includes('int'))) continue;
      if (dtype === 'complex64' && op !== 'sum' && op !== 'avg') continue;
      if (dtype === 'bool' && op === 'avg') continue;
      const all = values(dtype, rank);
      group.allReduce(all, { op });
      const onOne = values(dtype, rank);
      group.reduce(onOne, { op, dst: 1 });
      const part = torch.zeros([4], { dtype });
      group.reduceScatterTensor(part, torch.cat(Array.from({ length: size }, () => values(dtype, rank))), { op });
      const listed = torch.zeros([4], { dtype });
      group.reduceScatter(
        listed,
        Array.from({ length: size }, () => values(dtype, rank)),
        { op },
      );
      found[`${dtype} ${op}`] = [plain(all), plain(onOne), plain(part), plain(listed)];
    }
  return found;
}

/** Every way to move tensors. */
export function moves(): Record<string, unknown> {
  const group = dist.defaultGroup();
  const { rank, size } = group;
  const found: Record<string, unknown> = {};
  for (const dtype of dtypes) {
    const own = () => torch.full([2], dtype === 'bool' ? rank % 2 : rank + 1, { dtype });
    const room = () => Array.from({ length: size }, () => torch.zeros([2], { dtype }));
    const sent = own();
    group.broadcast(sent, { src: 1 });
    const gathered = room();
    group.allGather(gathered, own());
    const joined = torch.zeros([size * 2], { dtype });
    group.allGatherIntoTensor(joined, own());
    const collected = rank === 0 ? room() : null;
    group.gather(collected, own(), { dst: 0 });
    const scattered = torch.zeros([2], { dtype });
    group.scatter(
      scattered,
      rank === 1 ? Array.from({ length: size }, (_, i) => torch.full([2], i % 2, { dtype })) : null,
      {
        src: 1,
      },
    );
    const exchanged = room();
    group.allToAll(
      exchanged,
      Array.from({ length: size }, (_, i) =>
        torch.full([2], dtype === 'bool' ? (rank + i) % 2 : rank * 10 + i, { dtype }),
      ),
    );
    const single = torch.zeros([size * 2], { dtype });
    group.allToAllSingle(single, torch.cat(Array.from({ length: size }, own)));
    found[dtype] = [
      plain(sent),
      gathered.map(plain),
      plain(joined),
      collected?.map(plain) ?? null,
      plain(scattered),
      exchanged.map(plain),
      plain(single),
    ];
  }
  return found;
}

/** Shapes that are not the plain case. */
export function shapes(): Record<string, unknown> {
  const group = dist.defaultGroup();
  const { rank, size } = group;
  const strided = torch
    .arange(6)
    .view([2, 3])
    .t()
    .mul(rank + 1)
    .t();
  const transposed = torch.zeros([3, 2]).t();
  transposed.copy_(strided);
  group.allReduce(transposed);
  const column = torch.zeros([2, size]);
  group.broadcast(column.select(1, 0), { src: 0 });
  const scalar = torch.tensor(rank + 0.5);
  group.allReduce(scalar);
  const empty = torch.zeros([0, 3]);
  group.allReduce(empty);
  group.allGatherIntoTensor(torch.zeros([0]), torch.zeros([0]));
  // Rank r sends r + 1 rows to every rank.
  const uneven = torch.zeros([(size * (size + 1)) / 2, 2]);
  group.allToAllSingle(uneven, torch.full([size * (rank + 1), 2], rank, { dtype: 'float32' }), {
    inputSplits: Array.from({ length: size }, () => rank + 1),
    outputSplits: Array.from({ length: size }, (_, i) => i + 1),
  });
  const lists = Array.from({ length: size }, (_, i) => torch.zeros([i + 1]));
  group.allToAll(
    lists,
    Array.from({ length: size }, () => torch.full([rank + 1], rank, { dtype: 'float32' })),
  );
  const trained = torch.ones([2], { requiresGrad: true });
  group.allReduce(trained);
  const first = torch.tensor([1, rank]);
  const second = torch.full([2, 2], rank);
  group.allReduceCoalesced([first, second]);
  const sparse = torch.sparseCooTensor(torch.tensor([[rank, 2]]), torch.tensor([1, 2], { dtype: 'float32' }), [4]);
  group.allReduce(sparse);
  return {
    transposed: plain(transposed),
    scalar: plain(scalar),
    empty: empty.shape,
    uneven: plain(uneven),
    lists: lists.map(plain),
    trained: [plain(trained), trained.requiresGrad, trained.gradFn],
    coalesced: [plain(first), plain(second)],
    sparse: plain(sparse.toDense()),
  };
}

/** Messages from one to one, and works. */
export async function messages(): Promise<Record<string, unknown>> {
  const group = dist.defaultGroup();
  const { rank, size } = group;
  const next = (rank + 1) % size;
  const previous = (rank + size - 1) % size;
  // A ring, in which everybody would wait for everybody if sends blocked.
  const received = torch.zeros([2]);
  const works = [group.isend(torch.tensor([rank, 7]).float(), { dst: next }), group.irecv(received, { src: previous })];
  for (const work of works) work.wait();
  const tagged = [torch.zeros([1]), torch.zeros([1])];
  const sends = [1, 2].map((tag) => group.isend(torch.tensor([tag]).float(), { dst: next, tag }));
  await group.irecv(tagged[1]!, { src: previous, tag: 2 }).promise;
  await group.irecv(tagged[0]!, { src: previous, tag: 1 }).promise;
  await Promise.all(sends.map((work) => work.promise));
  let from = -1;
  if (rank === 0) from = group.recv(torch.zeros([1], { dtype: 'bool' }));
  if (rank === 1) group.send(torch.tensor([true]), { dst: 0 });

  let turns = 0;
  const timer = setInterval(() => {
    turns += 1;
  }, 5);
  if (rank === 0) await new Promise((resolve) => setTimeout(resolve, 200));
  const tensor = torch.tensor([rank, 1]);
  const work = group.allReduce(tensor, { asyncOp: true });
  const before = work.isCompleted();
  await work.promise;
  clearInterval(timer);
  await group.barrier({ asyncOp: true }).promise;
  return {
    received: plain(received),
    tagged: tagged.map(plain),
    from,
    turns: turns > 10,
    completedEarly: rank === 0 ? null : before,
    completed: work.isCompleted(),
    sum: plain(tensor),
  };
}

export async function objects(): Promise<Record<string, unknown>> {
  const { rank, size } = dist.defaultGroup();
  const own = { rank, name: 'r'.repeat(1000 * rank), state: torch.full([rank + 1], rank), nested: [null, true, 1.5] };
  const all = dist.allGatherObject(own);
  const later = await dist.allGatherObject(rank * 2, { asyncOp: true });
  const one = dist.broadcastObject(rank === 1 ? { best: 0.25 } : null, { src: 1 });
  const list: unknown[] = rank === 0 ? ['a', [1, 2], { x: torch.ones([2]) }] : [null, null, null];
  void dist.broadcastObjectList(list, { src: 0 });
  const gathered = dist.gatherObject(`from ${rank}`, { dst: 1 });
  const mine = dist.scatterObjectList(rank === 0 ? Array.from({ length: size }, (_, i) => ({ for: i })) : null, {
    src: 0,
  });
  return {
    all: all.map((value) => [value.rank, value.name.length, plain(value.state), value.nested]),
    later,
    one,
    list: [list[0], list[1], plain((list[2] as { x: Tensor }).x)],
    gathered,
    mine,
  };
}

/** Groups of some ranks; `src` and `dst` stay ranks of the job. */
export async function subGroups(_: unknown, { rank }: Rank): Promise<Record<string, unknown>> {
  const pair = await dist.newGroup([2, 0]);
  const single = await dist.newGroup([1]);
  const found: Record<string, unknown> = {
    ranks: [pair.rank, single.rank],
    isMember: [pair.isMember, single.isMember],
    world: [dist.getRank(), dist.getWorldSize(), dist.getWorldSize(pair)],
  };
  if (pair.isMember) {
    const sum = torch.tensor([rank]);
    pair.allReduce(sum);
    const sent = torch.tensor([rank]);
    pair.broadcast(sent, { src: 2 });
    found.pair = [plain(sum), plain(sent), dist.allGatherObject(rank, { group: pair })];
    await dist.destroyProcessGroup(pair);
    found.destroyed = codeOf(() => pair.allReduce(sum));
  } else {
    found.outsider = codeOf(() => pair.allReduce(torch.ones([1])));
  }
  if (single.isMember) {
    const alone = torch.tensor([5]);
    single.allReduce(alone);
    found.alone = plain(alone);
  }
  found.notIn = codeOf(() => (pair.isMember && rank === 0 ? single : single).broadcast(torch.ones([1]), { src: 0 }));
  return found;
}

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return 'none';
}

/** Memory and handles after many collectives. */
export async function memory(): Promise<{ grown: number; tensors: number }> {
  const group = dist.defaultGroup();
  const tensor = torch.ones([10_000]);
  const step = async () => {
    group.allReduce(tensor, { op: 'avg' });
    await group.allReduce(tensor, { op: 'max', asyncOp: true }).promise;
    const half = tensor.to('bfloat16');
    group.allReduce(half);
    half.dispose();
    void dist.allGatherObject({ tensor });
  };
  for (let i = 0; i < 20; i += 1) await step();
  torch.memory.collect();
  const before = torch.memory.stats();
  for (let i = 0; i < 200; i += 1) await step();
  torch.memory.collect();
  const after = torch.memory.stats();
  return { grown: after.liveBytes - before.liveBytes, tensors: after.liveTensors - before.liveTensors };
}
