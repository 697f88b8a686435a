import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../../../..', import.meta.url));
const source = (path: string): string => JSON.stringify(pathToFileURL(join(root, 'packages', path)).href);

/**
 * Trains a small classifier with shuffling, dropout, validation, a schedule, EarlyStopping and ModelCheckpoint, and prints
 * what came of it. Arguments: the checkpoints' folder, the seed, the checkpoint to continue from (or -), the step after which
 * the process kills itself (or -1).
 */
const program = `
import { createHash } from 'node:crypto';
import { manualSeed, randint, randn } from ${source('torch/src/index.ts')};
import { DataLoader, TensorDataset } from ${source('torch/src/data/index.ts')};
import { CrossEntropyLoss, Dropout, Linear, ReLU, Sequential } from ${source('torch/src/nn/index.ts')};
import { AdamW, CosineAnnealingLR } from ${source('torch/src/optim/index.ts')};
import { EarlyStopping, LambdaCallback, LightningModule, MemoryLogger, ModelCheckpoint, Trainer } from ${source('lightning/src/index.ts')};
const [dirpath, seed, ckptPath, killAfter] = process.argv.slice(2);
manualSeed(1);
const data = new TensorDataset(randn([40, 6]), randint(0, 3, [40]));
manualSeed(Number(seed));
class Net extends LightningModule {
  net = new Sequential(new Linear(6, 16), new ReLU(), new Dropout(0.3), new Linear(16, 3));
  lossFn = new CrossEntropyLoss();
  forward(x) { return this.net.forward(x); }
  trainingStep([x, y]) {
    const loss = this.lossFn.forward(this.forward(x), y);
    this.log('loss', loss, { onStep: true, onEpoch: true });
    return loss;
  }
  validationStep([x, y]) { this.log('val_loss', this.lossFn.forward(this.forward(x), y)); }
  configureOptimizers() {
    const optimizer = new AdamW(this.parameters(), { lr: 0.02 });
    return { optimizer, lrScheduler: { scheduler: new CosineAnnealingLR(optimizer, { tMax: 40 }), interval: 'step' } };
  }
}
const logger = new MemoryLogger();
const stopping = new EarlyStopping({ monitor: 'val_loss', patience: 50 });
const trainer = new Trainer({
  maxEpochs: 4, logger, logEveryNSteps: 1, accumulateGradBatches: 2, enableProgressBar: false, enableModelSummary: false,
  callbacks: [
    stopping,
    new ModelCheckpoint({ dirpath, filename: '{step}', everyNTrainSteps: 3, saveTopK: -1 }),
    new LambdaCallback({
      onTrainBatchStart: (running) => {
        if (running.globalStep === Number(killAfter)) process.kill(process.pid, 'SIGKILL');
      },
    }),
  ],
});
const model = new Net();
const result = await trainer.fit(model, {
  trainDataloaders: new DataLoader(data, { batchSize: 4, shuffle: true }),
  valDataloaders: new DataLoader(data, { batchSize: 10 }),
  ckptPath: ckptPath === '-' ? null : ckptPath,
});
const hash = createHash('sha256');
for (const tensor of model.stateDict().values()) hash.update(new Uint8Array(tensor.toTypedArray().buffer));
for (const handle of trainer.optimizers) {
  for (const state of handle.stateDict().state.values()) hash.update(new Uint8Array(state.exp_avg.toTypedArray().buffer));
}
console.log(JSON.stringify({ weights: hash.digest('hex'), steps: result.globalStep, best: stopping.bestScore, rows: logger.rows }));
`;

interface Outcome {
  readonly weights: string;
  readonly steps: number;
  readonly best: unknown;
  readonly rows: { step: number }[];
}

const folder = mkdtempSync(join(tmpdir(), 'lightning-'));
const path = join(folder, 'train.mts');
writeFileSync(path, program);

function train(
  dirpath: string,
  seed: number,
  from: string,
  killAfter: number,
): Promise<{ signal: string | null; outcome: Outcome | null }> {
  const args = [
    '--import',
    'tsx',
    '--conditions=@lightning-ts/source',
    path,
    join(folder, dirpath),
    String(seed),
    from,
    String(killAfter),
  ];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { cwd: root }, (error, stdout) => {
      const last = stdout.trim().split('\n').at(-1) ?? '';
      resolve({ signal: error?.signal ?? null, outcome: last.startsWith('{') ? (JSON.parse(last) as Outcome) : null });
    });
  });
}

test('a run that is killed and continued in a new process ends as if it had never stopped', async () => {
  const straight = await train('straight', 5, '-', -1);
  expect(straight.outcome?.steps).toBe(20);
  // Killed in the second epoch; the last checkpoint is from the middle of it.
  const killed = await train('killed', 5, '-', 8);
  expect(killed.signal).toBe('SIGKILL');
  const checkpoint = join(folder, 'killed', 'step=6.ckpt');
  expect(existsSync(checkpoint)).toBe(true);
  const resumed = await train('killed', 77, checkpoint, -1);
  const { rows, ...rest } = resumed.outcome!;
  const { rows: allRows, ...expected } = straight.outcome!;
  expect(rest).toEqual(expected);
  expect(rows).toEqual(allRows.slice(-rows.length));
  expect(rows[0]!.step).toBe(5);
});
