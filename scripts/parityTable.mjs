/**
 * `node scripts/parityTable.mjs`: writes docs/reference/parity.md, the table of Python's public names against ours, from
 * packages/torch/test/fixtures/parity/. A test fails when the page is out of date, or when a name has no explanation.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { repositoryRoot } from './setup/paths.mjs';

const self = fileURLToPath(import.meta.url);
if (process.argv[2] !== 'write') {
  // The sources are TypeScript, so the work is done by a process that reads them.
  const args = ['--conditions=@lightning-ts/source', '--import', 'tsx', self, 'write'];
  const { status } = spawnSync(process.execPath, args, { cwd: repositoryRoot, stdio: 'inherit' });
  process.exit(status ?? 1);
}
const test = path.join(repositoryRoot, 'packages', 'torch', 'test');
const { parityTable, renderParity } = await import(pathToFileURL(path.join(test, 'parityTable.ts')).href);
const read = (name) => JSON.parse(readFileSync(path.join(test, 'fixtures', 'parity', `${name}.json`), 'utf8'));
const tables = parityTable(read('names'), read('explanations'));
for (const { module, rows } of tables) {
  for (const { python, ours, reason } of rows)
    if (ours === null && reason === null) process.stderr.write(`not explained: ${module}.${python}\n`);
}
const page = path.join(repositoryRoot, 'docs', 'reference', 'parity.md');
writeFileSync(page, renderParity(read('names'), tables));
process.stdout.write(`${path.relative(repositoryRoot, page)} written\n`);
