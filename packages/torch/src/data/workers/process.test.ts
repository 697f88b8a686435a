import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'loader-process-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const source = (file: string) => new URL(`../../${file}`, import.meta.url).href;

/** Runs a program of one file, dataset and training code together. */
function run(program: string, ...nodeOptions: string[]): { status: number | null; lines: string[]; stderr: string } {
  const file = join(folder, `program-${Math.random()}.mts`);
  const imports = `import * as torch from '${source('index.ts')}';
import { DataLoader, IterableDataset } from '${source('data/index.ts')}';
import { tensorsUnderWay } from '${source('handover.ts')}';
import { readdirSync, readFileSync } from 'node:fs';
`;
  writeFileSync(file, imports + program);
  const options = [...nodeOptions, '--import', tsx, '--conditions=@lightning-ts/source', file];
  const { status, stdout, stderr } = spawnSync(process.execPath, options, { encoding: 'utf8', timeout: 50_000 });
  return { status, lines: stdout.trim().split('\n'), stderr };
}

describe('a program of a single file', () => {
  it('runs its dataset in workers, leaves nothing behind, and ends by itself', () => {
    const { status, lines, stderr } = run(`
const names: readonly string[] = ['a', 'b'];
enum Kind { small = 1, large }
abstract class Base {
  abstract readonly length: number;
  size = torch.ones(2);
}
class Files extends Base {
  readonly length = 6;
  constructor(private readonly path: string) { super(); }
  getItem(i: number) {
    return { text: names[i % 2], bytes: readFileSync(this.path).length > 0, x: this.size.mul(i), kind: Kind.large };
  }
}
console.log('top of the program');
const threads = () => readdirSync('/proc/self/task').length;
process.on('unhandledRejection', (error) => console.log('unhandled', error));
const dataset = new Files(import.meta.filename ?? new URL(import.meta.url).pathname);

// Leave one loop early, and see that nothing is left of it.
for await (const _ of new DataLoader(dataset, { numWorkers: 1 })) break;
const before = threads();
for await (const batch of new DataLoader(dataset, { batchSize: 3, numWorkers: 2 })) {
  console.log(batch.text.join(''), JSON.stringify(batch.x.tolist()), batch.kind.tolist(), batch.bytes.tolist());
  break;
}
console.log('left', threads() <= before, tensorsUnderWay(), process.getActiveResourcesInfo().includes('MessagePort'));

// One that blocks, one that is forgotten in the middle, one that is kept: none of them holds up the end.
for (const batch of new DataLoader(dataset, { batchSize: 6, numWorkers: 1 })) console.log(batch.text.join(''));
new DataLoader(dataset, { numWorkers: 1 })[Symbol.iterator]().next();
const kept = new DataLoader(dataset, { numWorkers: 1, persistentWorkers: true });
for await (const _ of kept);
console.log('end');
`);
    expect(stderr).toBe('');
    expect(lines).toEqual([
      'top of the program',
      'aba [[0,0],[1,1],[2,2]] [ 2, 2, 2 ] [ true, true, true ]',
      'left true 0 false',
      'ababab',
      'end',
    ]);
    expect(status).toBe(0);
  });

  it('reads in stacks the lines that were written, although TypeScript goes to workers compiled', () => {
    const { lines } = run(`
interface Sample { i: number }

class Broken {
  readonly length = 1;
  getItem(i: number): Sample {
    if (i === 0) throw new Error('here');
    return { i };
  }
}
try {
  for await (const _ of new DataLoader(new Broken(), { numWorkers: 1 }));
} catch (error) {
  console.log((error as { workerStack: string }).workerStack.split('\\n')[1]);
}
`);
    // Four lines of imports come before.
    expect(lines).toEqual([expect.stringMatching(/at Broken\.getItem \(.*program-.*\.mts:11:/)]);
  });

  it('survives a worker that runs out of memory', () => {
    const { status, lines } = run(
      `
const dataset = { length: 2, getItem(i: number) { const rows: number[][] = []; for (;;) rows.push(new Array(1e6).fill(i)); } };
try {
  for await (const _ of new DataLoader(dataset, { numWorkers: 1 }));
} catch (error) {
  console.log((error as torch.TorchError).code, /ran out of memory/.test((error as Error).message));
}
const fine = { length: 2, getItem: (i: number) => i };
for await (const batch of new DataLoader(fine, { batchSize: 2, numWorkers: 1 })) console.log(batch.tolist());
`,
      '--max-old-space-size=120',
    );
    expect(lines).toEqual(['DATA_WORKER true', '[ 0, 1 ]']);
    expect(status).toBe(0);
  });
});
