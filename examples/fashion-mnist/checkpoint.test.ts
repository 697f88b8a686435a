import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CSVLogger, ModelCheckpoint, seedEverything, Trainer } from '@lightning-ts/lightning';
import { randint, randn, setNumThreads } from '@lightning-ts/torch';
import { DataLoader, TensorDataset } from '@lightning-ts/torch/data';
import { describe, expect, it } from 'vitest';
import { ImageClassifier } from './model.js';

const python = '/usr/bin/python3';
const hasTorch = (() => {
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Reads the file with Python's own torch.load, and continues the optimizer from it in plain PyTorch. */
const script = `
import json, sys, torch
from torch import nn
c = torch.load(sys.argv[1])
def block(i, o): return [nn.Conv2d(i, o, 3, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU(), nn.MaxPool2d(2)]
model = nn.Sequential(*block(1, 16), *block(16, 32), nn.Flatten(), nn.Linear(1568, 128), nn.ReLU(), nn.Dropout(0.25), nn.Linear(128, 10))
weights = {k[len("model."):]: v for k, v in c["state_dict"].items() if k.startswith("model.")}
model.load_state_dict(weights)
optimizer = torch.optim.AdamW(model.parameters(), lr=1.0)
optimizer.load_state_dict(c["optimizer_states"][0])
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1)
scheduler.load_state_dict(c["lr_schedulers"][0])
state = optimizer.state[next(model.parameters())]
print(json.dumps({
  "keys": list(c), "loops": sorted(c["loops"]), "fit_loop": sorted(c["loops"]["fit_loop"]),
  "hyper_parameters": c["hyper_parameters"], "epoch": c["epoch"], "global_step": c["global_step"],
  "callbacks": list(c["callbacks"]), "step": float(state["step"]), "lr": optimizer.param_groups[0]["lr"],
  "first": float(next(model.parameters()).flatten()[0]), "types": [type(c["state_dict"]).__name__, type(c["epoch"]).__name__],
}))
`;

describe.skipIf(!hasTorch)("the demo's checkpoint in Python", () => {
  it('is read by torch.load, with the keys of Lightning, and its weights and optimizer go on in PyTorch', async () => {
    setNumThreads(1);
    const root = mkdtempSync(join(tmpdir(), 'demo-checkpoint-'));
    seedEverything(1, { verbose: false });
    const loader = new DataLoader(new TensorDataset(randn([32, 1, 28, 28]), randint(10, [32])), { batchSize: 16 });
    const model = new ImageClassifier({ learningRate: 1e-3 });
    const checkpoint = new ModelCheckpoint({ dirpath: root, saveLast: true });
    const trainer = new Trainer({
      maxEpochs: 2,
      callbacks: checkpoint,
      logger: new CSVLogger(root),
      enableProgressBar: false,
      enableModelSummary: false,
    });
    await trainer.fit(model, loader);

    const seen = JSON.parse(execFileSync(python, ['-c', script, join(root, 'last.ckpt')], { encoding: 'utf8' }));
    expect(seen.keys.slice(0, 8)).toEqual([
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
      'loops',
      'callbacks',
      'optimizer_states',
      'lr_schedulers',
    ]);
    expect(seen.keys).toEqual(expect.arrayContaining(['hparams_name', 'hyper_parameters']));
    expect(seen.loops).toEqual(['fit_loop', 'predict_loop', 'test_loop', 'validate_loop']);
    expect(seen.fit_loop).toEqual(
      expect.arrayContaining([
        'epoch_progress',
        'epoch_loop.batch_progress',
        'epoch_loop.automatic_optimization.optim_progress',
      ]),
    );
    expect(seen.hyper_parameters).toEqual({ num_classes: 10, learning_rate: 1e-3 });
    expect(seen).toMatchObject({ epoch: 1, global_step: 4, step: 4, types: ['OrderedDict', 'int'] });
    expect(seen.callbacks[0]).toMatch(/^ModelCheckpoint\{'monitor': None, 'mode': 'min'/);
    expect(seen.lr).toBeCloseTo(1e-5, 12);
    expect(seen.first).toBe(model.model.parameters()[0]!.detach().flatten().at(0).item());
  });
});
