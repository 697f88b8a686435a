import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  EarlyStopping,
  LightningDataModule,
  LightningModule,
  ModelCheckpoint,
  Timer,
  Trainer,
} from '@lightning-ts/lightning';
import { manualSeed, randn, type Tensor } from '@lightning-ts/torch';
import { Linear } from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { Adam, StepLR } from '@lightning-ts/torch/optim';
import { save } from '@lightning-ts/torch/serialize';
import { beforeAll, describe, expect, test } from 'vitest';

const python = '/usr/bin/python3';
const hasTorch = (() => {
  try {
    execFileSync(python, ['-c', 'import torch'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

const script = `
import enum, json, pickletools, sys, torch, types, zipfile
from collections import OrderedDict
ours_path, theirs_path, data_path = sys.argv[1:]
# The one class that the fixture refers to.
for name in ("lightning", "lightning.pytorch", "lightning.pytorch.callbacks", "lightning.pytorch.callbacks.early_stopping"):
    sys.modules[name] = types.ModuleType(name)
sys.modules[name].EarlyStoppingReason = enum.Enum("EarlyStoppingReason", {"NOT_STOPPED": 0})
ours = torch.load(ours_path)
theirs = torch.load(theirs_path)

# What newer versions of torch read by default (weights_only): names from a list, and opcodes of plain data.
archive = zipfile.ZipFile(ours_path)
names, opcodes = set(), set()
for opcode, argument, _ in pickletools.genops(archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))):
    opcodes.add(opcode.name)
    if opcode.name == "GLOBAL": names.add(argument.replace(" ", "."))

def shape_of(value):
    if isinstance(value, dict): return {"type": type(value).__name__, "keys": {str(k): shape_of(v) for k, v in value.items()}}
    if isinstance(value, (list, tuple)): return type(value).__name__
    if isinstance(value, torch.Tensor): return "Tensor%d" % value.dim()
    return type(value).__name__

class Progress:
    """Restores counters as the reference does: nested records replaced by key."""
    def __init__(self): self.state = {}
    def load_state_dict(self, state):
        for part in ("total", "current"):
            self.state[part] = {k: int(v) for k, v in state[part].items()}

def restore(prefix, state):
    progress = Progress()
    progress.load_state_dict(state[prefix])
    return progress.state

fit = ours["loops"]["fit_loop"]
optim = fit["epoch_loop.automatic_optimization.optim_progress"]["optimizer"]
layer = torch.nn.Linear(4, 2)
layer.load_state_dict({k[len("layer."):]: v for k, v in ours["state_dict"].items()})
optimizer = torch.optim.Adam(layer.parameters(), lr=1.0)
optimizer.load_state_dict(ours["optimizer_states"][0])
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=99)
scheduler.load_state_dict(ours["lr_schedulers"][0])
for x, y in torch.load(data_path):
    optimizer.zero_grad()
    torch.nn.functional.mse_loss(layer(x), y).backward()
    optimizer.step()
scheduler.step()
best = next(s for k, s in ours["callbacks"].items() if k.startswith("ModelCheckpoint"))
print(json.dumps({
    "names": sorted(names), "opcodes": sorted(opcodes), "ours": shape_of(ours), "theirs": shape_of(theirs),
    "epoch_progress": restore("epoch_progress", fit), "batch_progress": restore("epoch_loop.batch_progress", fit),
    "steps": restore("step", optim),
    "hyper_parameters": ours["hyper_parameters"], "datamodule": ours["datamodule_hyper_parameters"], "data_state": ours["Data"],
    "best": [best["best_model_path"], float(best["best_model_score"]), {k: float(v) for k, v in best["best_k_models"].items()}],
    "callbacks": list(ours["callbacks"]),
    "after": layer.weight.tolist(), "lr": optimizer.param_groups[0]["lr"],
}))
`;

type Batch = [Tensor, Tensor];

class Net extends LightningModule<Batch, { learningRate?: number; sizes?: number[]; name?: string | null }> {
  layer = new Linear(4, 2);
  constructor(options: { learningRate?: number; sizes?: number[]; name?: string | null } = {}) {
    super();
    this.saveHyperparameters(options);
  }
  override trainingStep([x, y]: Batch): Tensor {
    return F.mseLoss(this.layer.forward(x), y);
  }
  override validationStep([x, y]: Batch): void {
    this.log('val_loss', F.mseLoss(this.layer.forward(x), y));
  }
  override configureOptimizers() {
    const optimizer = new Adam(this.parameters(), { lr: 0.05 });
    return { optimizer, lrScheduler: new StepLR(optimizer, { stepSize: 1, gamma: 0.5 }) };
  }
}

manualSeed(3);
const batches = Array.from({ length: 3 }, (): Batch => [randn([4, 4]), randn([4, 2])]);

class Data extends LightningDataModule<Batch> {
  constructor() {
    super();
    this.saveHyperparameters({ batchSize: 4 });
  }
  override trainDataloader() {
    return batches;
  }
  override valDataloader() {
    return batches;
  }
  override stateDict() {
    return { position: 3 };
  }
}

interface Shape {
  type: string;
  keys: Record<string, Shape | string>;
}

interface Seen {
  ours: Shape;
  theirs: Shape;
  [key: string]: unknown;
}

describe.skipIf(!hasTorch)('a checkpoint of ours in Python', () => {
  let seen: Seen;
  let after: unknown;
  let checkpoint: ModelCheckpoint;

  beforeAll(async () => {
    const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
    checkpoint = new ModelCheckpoint({ dirpath: folder, monitor: 'val_loss' });
    const newTrainer = (maxEpochs: number, callbacks: ConstructorParameters<typeof Trainer>[0]) =>
      new Trainer({
        maxEpochs,
        logger: false,
        enableProgressBar: false,
        enableModelSummary: false,
        defaultRootDir: folder,
        ...callbacks,
      });
    const callbacks = [
      checkpoint,
      new EarlyStopping({ monitor: 'val_loss', patience: 7 }),
      new Timer({ duration: { hours: 1 } }),
    ];
    await newTrainer(2, { callbacks }).fit(new Net({ learningRate: 0.05, sizes: [4, 2], name: 'x' }), new Data());
    const path = checkpoint.bestModelPath;
    const dataPath = join(folder, 'data.pt');
    await save(batches, dataPath);
    const theirs = fileURLToPath(new URL('./fixtures/checkpoints/lightning-2.5-epoch-end.ckpt', import.meta.url));
    seen = JSON.parse(execFileSync(python, ['-c', script, path, theirs, dataPath], { encoding: 'utf8' })) as Seen;
    const model = new Net();
    await newTrainer(3, { enableCheckpointing: false }).fit(model, { datamodule: new Data(), ckptPath: path });
    after = model.layer.weight.tolist();
  }, 60_000);

  test('is made of tensors and plain data alone', () => {
    const allowed =
      /^(collections\.OrderedDict|torch\._utils\._rebuild_(tensor_v2|parameter)|torch\.(Float|Double|Long|Byte)Storage)$/;
    expect((seen.names as string[]).filter((name) => !allowed.test(name))).toEqual([]);
    expect(seen.opcodes).not.toContain('STACK_GLOBAL');
    expect(seen.opcodes).not.toContain('INST');
  });

  test('has the keys and types of the reference', () => {
    for (const key of [
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
      'loops',
      'hparams_name',
    ] as const) {
      if (key === 'state_dict') expect((seen.ours.keys[key] as Shape).type).toBe('OrderedDict');
      expect(seen.ours.keys[key], key).toEqual(seen.theirs.keys[key]);
    }
    expect(Object.keys(seen.ours.keys).slice(0, 11)).toEqual([
      'epoch',
      'global_step',
      'pytorch-lightning_version',
      'state_dict',
      'loops',
      'callbacks',
      'optimizer_states',
      'lr_schedulers',
      'hparams_name',
      'hyper_parameters',
      'datamodule_hparams_name',
    ]);
    expect(seen.ours.keys.optimizer_states).toBe('list');
    expect(seen.hyper_parameters).toEqual({ learning_rate: 0.05, sizes: [4, 2], name: 'x' });
    expect([seen.datamodule, seen.data_state]).toEqual([{ batch_size: 4 }, { position: 3 }]);
  });

  test("has the callbacks' states under the reference's keys, with its fields", () => {
    expect(seen.callbacks).toEqual([
      "EarlyStopping{'monitor': 'val_loss', 'mode': 'min'}",
      'Timer',
      "ModelCheckpoint{'monitor': 'val_loss', 'mode': 'min', 'every_n_train_steps': 0, 'every_n_epochs': 1, 'train_time_interval': None}",
    ]);
    const statesIn = ({ keys }: Shape) => (keys.callbacks as Shape).keys as Record<string, Shape>;
    for (const [key, state] of Object.entries(statesIn(seen.theirs))) {
      const { stopping_reason: _, ...fields } = state.keys;
      const { best_k_models: models, ...mine } = statesIn(seen.ours)[key]!.keys;
      const { best_k_models: theirModels, ...theirs } = fields;
      expect(mine).toMatchObject(theirs);
      expect((models as Shape | undefined)?.type).toBe((theirModels as Shape | undefined)?.type);
    }
    const { bestModelPath, bestModelScore } = checkpoint;
    expect(seen.best).toEqual([bestModelPath, bestModelScore, { [bestModelPath]: bestModelScore }]);
  });

  test('has the counters that the reference goes on from', () => {
    const four = (ready: number, completed: number) => ({ ready, started: ready, processed: ready, completed });
    expect(seen.epoch_progress).toEqual({ total: four(2, 1), current: four(2, 1) });
    expect(seen.batch_progress).toEqual({ total: four(6, 6), current: four(3, 3) });
    expect(seen.steps).toEqual({ total: { ready: 6, completed: 6 }, current: { ready: 3, completed: 3 } });
  });

  test('is trained on in PyTorch with the very same weights as here', () => {
    expect(seen.after).toEqual(after);
    expect(seen.lr).toBe(0.05 / 8);
  });
});
