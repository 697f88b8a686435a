import { fromTypedArray, zeros } from '../creation.js';
import { type GroupHandle, native } from '../native.js';
import type { Tensor } from '../tensor.js';
import { DistributedError } from './distributedError.js';
import type { ProcessGroup } from './processGroup.js';

const recordBytes = 256;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Compares the calls of all ranks before they are made: each rank says in a few words what it is about to call, and any
 * difference is an error on every rank that names who differs. One extra exchange of 256 bytes a call; for
 * `TORCH_DISTRIBUTED_DEBUG=DETAIL`.
 *
 * A rank that calls nothing is not seen here; the collective's time limit tells of it.
 */
export function checkAgreement(
  group: ProcessGroup,
  handle: GroupHandle,
  collective: string,
  call: string,
  timeout: number,
): void {
  const record = new Uint8Array(recordBytes);
  encoder.encodeInto(call, record);
  const own = fromTypedArray(record);
  const all = zeros([group.size, recordBytes], { dtype: 'uint8' });
  native.workWait(native.groupAllGatherIntoTensor(handle, all.handle, own.handle, timeout));
  const said = textsOf(all, group.size);
  own.dispose();
  all.dispose();
  const variants = new Map<string, number[]>();
  said.forEach((text, i) => {
    variants.set(text, [...(variants.get(text) ?? []), group.globalRankOf(i)]);
  });
  if (variants.size === 1) return;

  // Those who agree with most are taken to be right.
  const ordered = [...variants].sort(([, a], [, b]) => b.length - a.length || a[0]! - b[0]!);
  const different = ordered.slice(1).flatMap(([, ranks]) => ranks);
  const lines = ordered.map(
    ([text, ranks]) => `  ${ranks.length === 1 ? 'rank' : 'ranks'} ${ranks.join(', ')}: ${text}`,
  );
  throw new DistributedError(
    'DISTRIBUTED_MISMATCH',
    [`the ranks of group '${group.name}' do not make the same call:`, ...lines].join('\n'),
    { rank: group.globalRankOf(group.rank), collective, group: group.name, ranks: different },
  );
}

function textsOf(records: Tensor, size: number): string[] {
  const bytes = records.toTypedArray() as Uint8Array;
  return Array.from({ length: size }, (_, i) => {
    const record = bytes.subarray(i * recordBytes, (i + 1) * recordBytes);
    const end = record.indexOf(0);
    return decoder.decode(end < 0 ? record : record.subarray(0, end));
  });
}
