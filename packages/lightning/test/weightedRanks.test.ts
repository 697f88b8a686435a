import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const script = fileURLToPath(new URL('./weightedRanks.ts', import.meta.url));

test('losses are weighted over all processes: two with uneven batches step as one with all of them', {
  timeout: 120_000,
}, async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--conditions=@lightning-ts/source', script],
    { env: { ...process.env, OMP_NUM_THREADS: '1' } },
  );
  const slope = Number(/^slope 0 (.*)$/m.exec(stdout)?.[1]);
  const first = (1 * 1 + 7 * 2 + 3 * 1 + 40 * 2) / (1 + 7 + 3 + 40);
  expect(slope).toBeCloseTo(-(first + 3), 5);
});
