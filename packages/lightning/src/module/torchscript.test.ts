import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randn, type Tensor } from '@lightning-ts/torch';
import { load as loadScript } from '@lightning-ts/torch/jit';
import { Dropout, Linear } from '@lightning-ts/torch/nn';
import { expect, test } from 'vitest';
import { summarize } from '../summary/modelSummary.js';
import { LightningModule } from './lightningModule.js';

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));

test('becomes TorchScript that gives the same, and stays in its mode', async () => {
  class Net extends LightningModule {
    layer = new Linear(3, 2);
    dropout = new Dropout(0.5);
    override forward(x: Tensor): Tensor {
      return this.dropout.forward(this.layer.forward(x));
    }
  }
  const net = new Net();
  await expect(net.toTorchscript()).rejects.toMatchObject({ code: 'EXPORT_INPUT' });
  await expect(net.toTorchscript(null, { method: 'script' as 'trace' })).rejects.toMatchObject({
    code: 'OPTION_UNAVAILABLE',
  });
  net.exampleInputArray = randn([4, 3]);
  net.layer.eval();
  const path = join(folder, 'net.pt');
  const script = await net.toTorchscript(path);
  expect([net.training, net.dropout.training, net.layer.training]).toEqual([true, true, false]);
  net.eval();
  const input = randn([5, 3]);
  const expected = net.forward(input);
  const run = (one: { forward(...inputs: never[]): unknown }): Tensor => one.forward(input as never) as Tensor;
  expect(run(script as never).equal(expected)).toBe(true);
  const loaded = await loadScript(path);
  expect(run(loaded as never).equal(expected)).toBe(true);
});

test('may have an object as its example, where forward takes one', async () => {
  class Named extends LightningModule {
    layer = new Linear(3, 2).to('float64');
    override exampleInputArray = { x: randn([4, 3]), y: randn([4, 2]) };
    override forward({ x, y }: { x: Tensor; y: Tensor }): Tensor {
      return this.layer.forward(x).add(y);
    }
  }
  const net = new Named();
  const script = await net.toTorchscript();
  const input = { x: randn([5, 3]).to('float64'), y: randn([5, 2]).to('float64') };
  expect((script as unknown as Named).forward(input).equal(net.forward(input))).toBe(true);
  expect(String(summarize(net))).toContain('[4, 3]');
});
