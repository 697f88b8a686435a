import { createHash } from 'node:crypto';
import { fromTypedArray, zeros } from '../creation.js';
import type { Tensor } from '../tensor.js';
import { shapeText } from './collectiveChecks.js';
import { DistributedError } from './distributedError.js';
import { allGatherObject, broadcastObject } from './objectCollectives.js';
import type { ProcessGroup } from './processGroup.js';

/**
 * Makes sure that all ranks of the group have the same parameters and buffers: names, order, shapes, dtypes and which
 * of them are trained. Costs one small exchange when they agree.
 *
 * @throws DistributedError `DISTRIBUTED_MISMATCH` on every rank, naming the first difference of each rank that differs.
 */
export function checkModelAgreement(group: ProcessGroup, tensors: readonly [string, Tensor][], model: string): void {
  const own = tensors.map(
    ([name, tensor]) => `'${name}' ${shapeText(tensor)}${tensor.requiresGrad ? '' : ', not trained'}`,
  );
  const digest = fromTypedArray(new Uint8Array(createHash('sha256').update(own.join('\n')).digest()));
  const all = zeros([group.size, 32], { dtype: 'uint8' });
  const carried = group.backend === 'nccl' ? [digest.to('cuda'), all.to('cuda')] : [digest, all];
  group.allGatherIntoTensor(carried[1]!, carried[0]!);
  const bytes = carried[1]!.cpu().toTypedArray() as Uint8Array;
  const first = Buffer.from(bytes.subarray(0, 32));
  let agrees = true;
  for (let rank = 1; rank < group.size; rank += 1)
    if (!first.equals(bytes.subarray(32 * rank, 32 * (rank + 1)))) agrees = false;
  digest.dispose();
  all.dispose();
  if (agrees) return;

  const root = group.globalRankOf(0);
  const expected = broadcastObject(own, { src: root, group });
  const differences = allGatherObject(firstDifference(own, expected, root), { group });
  const lines = differences.flatMap((difference, i) =>
    difference === '' ? [] : [`  rank ${group.globalRankOf(i)}: ${difference}`],
  );
  throw new DistributedError(
    'DISTRIBUTED_MISMATCH',
    [`${model} is not the same model on all ranks of group '${group.name}':`, ...lines].join('\n'),
    {
      rank: group.globalRankOf(group.rank),
      collective: 'DistributedDataParallel',
      group: group.name,
      ranks: differences.flatMap((difference, i) => (difference === '' ? [] : [group.globalRankOf(i)])),
    },
  );
}

function firstDifference(own: string[], expected: string[], root: number): string {
  const length = Math.max(own.length, expected.length);
  for (let i = 0; i < length; i += 1) {
    if (own[i] === expected[i]) continue;
    const theirs = expected[i] ?? `only ${expected.length} tensors`;
    return `tensor ${i} is ${own[i] ?? `missing (it has ${own.length})`}, and rank ${root} has ${theirs}`;
  }
  return '';
}
