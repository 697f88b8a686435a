import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Linear } from '@lightning-ts/torch/nn';
import { expect, test } from 'vitest';
import { Trainer } from '../trainer/trainer.js';
import { LightningModule } from './lightningModule.js';

class Net extends LightningModule<unknown, { size: number }> {
  layer: Linear;
  constructor(options: { size: number }) {
    super();
    this.saveHyperparameters(options);
    this.layer = new Linear(options.size, 2);
  }
}

async function saved(): Promise<{ net: Net; bytes: Uint8Array }> {
  const path = join(mkdtempSync(join(tmpdir(), 'lightning-')), 'net.ckpt');
  const net = new Net({ size: 3 });
  const trainer = new Trainer({ logger: false });
  trainer.strategy.connect(net as LightningModule);
  await trainer.saveCheckpoint(path, { weightsOnly: true });
  return { net, bytes: readFileSync(path) };
}

test('a module is built from bytes as from a file, such as those a server gave', async () => {
  const { bytes, net } = await saved();
  const server = createServer((_, response) => response.end(bytes)).listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/net.ckpt`);
  const loaded = await Net.loadFromCheckpoint(new Uint8Array(await answer.arrayBuffer()));
  server.close();
  expect(loaded.hparams).toEqual({ size: 3 });
  expect(loaded.layer.weight.equal(net.layer.weight)).toBe(true);
});

test('bytes that are cut, or of something else, are errors that say so', async () => {
  const { bytes } = await saved();
  await expect(Net.loadFromCheckpoint(bytes.subarray(0, 900))).rejects.toMatchObject({ code: 'CHECKPOINT_DAMAGED' });
  await expect(Net.loadFromCheckpoint(Buffer.from('no checkpoint'))).rejects.toThrow(/the bytes that were given/);
});
