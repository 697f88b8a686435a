import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { removeStaleTemporaries } from './temporaryFiles.js';

test('only files of processes that are gone, and quiet for a minute, are removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'torch-'));
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const longAgo = new Date(Date.now() - 24 * 3600_000);
  const file = (name: string, changed = longAgo): string => {
    writeFileSync(join(folder, name), 'x');
    utimesSync(join(folder, name), changed, changed);
    return name;
  };
  const stale = file(`.a.ckpt.${dead}.0123456789ab.tmp`);
  // A restarted container: our own id, from before we started.
  const reborn = file(`.a.ckpt.${process.pid}.0123456789ac.tmp`);
  const kept = [
    file(`.a.ckpt.${dead}.0123456789ad.tmp`, new Date()),
    file(`.a.ckpt.${process.pid}.0123456789ae.tmp`, new Date()),
    file(`.a.ckpt.${process.ppid}.0123456789af.tmp`),
    file('a.ckpt'),
    file(`.a.ckpt.${dead}.tmp`),
    file('.notes.tmp'),
  ];
  expect((await removeStaleTemporaries(folder)).sort()).toEqual([stale, reborn].sort());
  expect(readdirSync(folder).sort()).toEqual(kept.sort());
  expect(await removeStaleTemporaries(join(folder, 'missing'))).toEqual([]);
});
