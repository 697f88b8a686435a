import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { BoringModel } from '../testing/boringModel.js';
import { Trainer } from '../trainer/trainer.js';
import { AsyncCheckpointIO } from './asyncCheckpointIo.js';
import { type CheckpointIO, TorchCheckpointIO } from './checkpointIo.js';

const kinds: [string, () => CheckpointIO][] = [
  ['at once', () => new TorchCheckpointIO()],
  ['in the background', () => new AsyncCheckpointIO()],
];

test.each(kinds)(
  'a save %s deletes what a killed process left half written in its folder, and nothing else',
  async (_, make) => {
    const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
    // The id of a process that has ended.
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    const place = (name: string, secondsAgo: number): string => {
      const path = join(folder, name);
      writeFileSync(path, 'half');
      utimesSync(path, Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);
      return path;
    };
    const stale = place(`.last.ckpt.${pid}.0123456789ab.tmp`, 120);
    const others = [
      // Still being written, perhaps from another machine; of a process that lives; of somebody else.
      place(`.last.ckpt.${pid}.0123456789ac.tmp`, 5),
      place(`.last.ckpt.${process.ppid}.0123456789ab.tmp`, 120),
      place('.notes.tmp', 120),
    ];
    const trainer = new Trainer({ logger: false, plugins: make(), defaultRootDir: folder });
    trainer.strategy.connect(new BoringModel());
    await trainer.saveCheckpoint(join(folder, 'new.ckpt'));
    await trainer.checkpointIo.teardown?.();
    expect([existsSync(join(folder, 'new.ckpt')), existsSync(stale), others.map((path) => existsSync(path))]).toEqual([
      true,
      false,
      [true, true, true],
    ]);
  },
);
