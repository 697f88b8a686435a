import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { loadSync, saveSync, Tuple } from '../serialize/index.js';
import * as jit from './index.js';

const python = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import torch'], { stdio: 'ignore' });
    return '/usr/bin/python3';
  } catch {
    return null;
  }
})();
const scratch = mkdtempSync(join(tmpdir(), 'torchscript-python-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const script = `
import sys, torch
folder = sys.argv[1]
given = torch.load(folder + "/given.pt")
result = {}
for name in ["cnn", "recurrent", "nested", "outer"]:
    extra = {"note.txt": ""}
    module = torch.jit.load(folder + "/" + name + ".pt", _extra_files=extra)
    output = module(*given[name])
    result[name] = {"output": output, "keys": list(module.state_dict()), "note": extra["note.txt"].decode(),
                    "parameters": [n for n, p in module.named_parameters() if p.requires_grad]}
torch.save(result, folder + "/result.pt")
`;

interface FromPython {
  output: unknown;
  keys: string[];
  note: string;
  parameters: string[];
}

class Recurrent extends nn.Module {
  lstm = new nn.LSTM(3, 5, { batchFirst: true });
  dropout = new nn.Dropout(0.3);
  forward(x: torch.Tensor) {
    return this.dropout.forward(this.lstm.forward(x)[0]);
  }
}

// Without a Python that has torch this cannot run.
describe.skipIf(python === null)('Python', () => {
  it('loads our programs, with equal outputs, state-dict keys and extra files', () => {
    torch.manualSeed(2);
    const cnn = new nn.Sequential({
      conv: new nn.Conv2d(3, 4, 3),
      norm: new nn.BatchNorm2d(4),
      act: new nn.GELU(),
      pool: new nn.AdaptiveAvgPool2d(1),
      flat: new nn.Flatten(),
      head: new nn.Linear(4, 2),
    }).eval();
    const recurrent = new Recurrent().eval();
    const scripted = jit.loadSync<[torch.Tensor], torch.Tensor>(
      fileURLToPath(new URL('../../test/fixtures/jit/scripted.pt', import.meta.url)),
    );
    class Outer extends nn.Module {
      inner = scripted;
      forward(x: torch.Tensor) {
        return this.inner.forward(x).neg();
      }
    }
    const outer = new Outer();
    const nested = (batch: { a: torch.Tensor; b: torch.Tensor }, pair: [torch.Tensor, torch.Tensor]) => ({
      first: batch.a.sub(batch.b).mul(pair[0]),
      second: pair[1].exp(),
    });
    const image = torch.randn([2, 3, 6, 6]);
    const sequence = torch.randn([2, 4, 3]);
    const row = torch.randn([2, 4]);
    const batch = { a: torch.randn([2]), b: torch.randn([2]) };
    const pair: [torch.Tensor, torch.Tensor] = [torch.randn([2]), torch.randn([3])];
    const extraFiles = { 'note.txt': 'ours' };
    jit.saveSync(jit.trace(cnn, image), join(scratch, 'cnn.pt'), { extraFiles });
    jit.saveSync(jit.trace(recurrent, sequence), join(scratch, 'recurrent.pt'), { extraFiles });
    jit.saveSync(jit.trace(nested, [batch, pair], { strict: false }), join(scratch, 'nested.pt'), { extraFiles });
    jit.saveSync(jit.trace(outer, row), join(scratch, 'outer.pt'), { extraFiles });
    const backwards = { b: batch.b, a: batch.a }; // the names count, not the order
    saveSync(
      { cnn: [image], recurrent: [sequence], nested: [backwards, Tuple.of(...pair)], outer: [row] },
      join(scratch, 'given.pt'),
    );

    execFileSync(python as string, ['-c', script, scratch], { stdio: ['ignore', 'ignore', 'inherit'] });
    const result = loadSync(join(scratch, 'result.pt')) as Record<string, FromPython>;
    const values = (tensor: unknown) => (tensor as torch.Tensor).tolist();
    expect(values(result.cnn!.output)).toEqual(values(cnn.forward(image)));
    expect(values(result.recurrent!.output)).toEqual(values(recurrent.forward(sequence)));
    expect(values(result.outer!.output)).toEqual(values(outer.forward(row)));
    const { first, second } = result.nested!.output as Record<string, torch.Tensor>;
    const ours = nested(batch, pair);
    expect([values(first), values(second)]).toEqual([values(ours.first), values(ours.second)]);
    for (const [name, module] of Object.entries({ cnn, recurrent, outer })) {
      expect(result[name]!.keys, name).toEqual([...module.stateDict().keys()]);
      expect(result[name]!.parameters, name).toEqual(module.namedParameters().map(([key]) => key));
      expect(result[name]!.note).toBe('ours');
    }
  });
});
