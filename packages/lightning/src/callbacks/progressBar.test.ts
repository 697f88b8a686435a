import { type Tensor, tensor } from '@lightning-ts/torch';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Screen } from '../../test/screen.js';
import type { TrainerOptions } from '../trainer/options.js';
import { Trainer } from '../trainer/trainer.js';
import type { Callback } from './callback.js';
import { LambdaCallback } from './lambdaCallback.js';
import { ProgressBar, type ProgressBarOptions } from './progressBar.js';
import { RichProgressBar } from './richProgressBar.js';
import { TQDMProgressBar } from './tqdmProgressBar.js';

class Pipe {
  text = '';

  write(text: string): boolean {
    this.text += text;
    return true;
  }
}

/** Logs what a bar shows: 0.5 at every step, and 1 - 0.25 * epoch for validation. */
class Shown extends LossModel {
  override trainingStep(batch: Tensor): Tensor {
    const loss = this.layer.forward(batch).pow(2).mean();
    this.log('loss', tensor(0.5), { progBar: true });
    return loss;
  }

  override validationStep(): void {
    this.log('val_acc', 1 - 0.25 * this.currentEpoch, { progBar: true, batchSize: 1 });
  }
}

const trainerWith = (bar: ProgressBar, callbacks: Callback[] = [], options: TrainerOptions = {}): Trainer =>
  new Trainer({
    maxEpochs: 2,
    logger: false,
    enableCheckpointing: false,
    enableModelSummary: false,
    callbacks: [...callbacks, bar],
    ...options,
  });

const data = () => ({ trainDataloaders: batches(3), valDataloaders: batches(2) });
/** The lines without what depends on the clock, and without what the Trainer says itself. */
const timeless = (text: string): string[] =>
  text
    .trimEnd()
    .split('\n')
    .filter((line) => !line.startsWith('Training on '))
    .map((line) => line.replace(/ +\d+:\d\d:\d\d( • [-\d:]+)?( left)? +\S+it\/s/, '').trimEnd());

beforeEach(() => {
  for (const name of ['CI', 'NO_COLOR', 'FORCE_COLOR']) vi.stubEnv(name, undefined);
  vi.stubEnv('TERM', 'xterm');
});

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('ProgressBar where output is recorded', () => {
  it('writes one line for each epoch, with its metrics and no escape sequences', async () => {
    const pipe = new Pipe();
    await trainerWith(new ProgressBar({ stream: pipe })).fit(new Shown(), data());
    const lines = timeless(pipe.text).map((line) => line.split('  ').sort());
    expect(lines).toEqual([
      ['3/3', 'Epoch 0/1', 'loss: 0.500', 'val_acc: 1.000'],
      ['3/3', 'Epoch 1/1', 'loss: 0.500', 'val_acc: 0.750'],
    ]);
    expect(pipe.text).not.toContain('\u001b');
    expect(pipe.text).toMatch(/\d:\d\d:\d\d {2}\S+it\/s/);
  });

  it('shows the value of the epoch rather than of its last step', async () => {
    class Forked extends LossModel {
      override trainingStep(batch: Tensor): Tensor {
        const loss = this.layer.forward(batch).pow(2).mean();
        this.log('loss', tensor(0.5), { progBar: true, onStep: true, onEpoch: true });
        return loss;
      }
    }
    const pipe = new Pipe();
    await trainerWith(new ProgressBar({ stream: pipe }), [], { maxEpochs: 1 }).fit(new Forked(), {
      trainDataloaders: batches(3),
    });
    expect(timeless(pipe.text)).toEqual(['Epoch 0/0  3/3  loss_epoch: 0.500']);
  });

  it('does not flood the output with epochs that take no time, and always shows the last', async () => {
    const pipe = new Pipe();
    await trainerWith(new ProgressBar({ stream: pipe }), [], { maxEpochs: 50 }).fit(new Shown(), data());
    const lines = timeless(pipe.text);
    expect(lines.length).toBeLessThan(50);
    expect(lines[0]).toContain('Epoch 0/49');
    expect(lines.at(-1)).toContain('Epoch 49/49');
  });

  it('says how far a long epoch is', async () => {
    const pipe = new Pipe();
    await trainerWith(new ProgressBar({ stream: pipe, plainInterval: 0 }), [], { maxEpochs: 1 }).fit(
      new Shown(),
      data(),
    );
    expect(pipe.text).toMatch(/0:00:00 • 0:00:00 left {2}\S+it\/s/);
    expect(timeless(pipe.text)).toEqual([
      'Sanity Checking  1/2 (50%)',
      'Sanity Checking  2/2',
      'Epoch 0/0  1/3 (33%)  loss: 0.500',
      'Epoch 0/0  2/3 (66%)  loss: 0.500',
      'Epoch 0/0  3/3  loss: 0.500',
      'Epoch 0/0 Validation  1/2 (50%)',
      'Epoch 0/0 Validation  2/2',
      'Epoch 0/0  3/3  loss: 0.500  val_acc: 1.000',
    ]);
  });

  it('has a line for each other stage too', async () => {
    const pipe = new Pipe();
    const trainer = trainerWith(new ProgressBar({ stream: pipe }));
    await trainer.test(new LossModel(), { dataloaders: batches(4), verbose: false });
    await trainer.predict(new LossModel(), { dataloaders: batches(2) });
    expect(timeless(pipe.text)).toEqual(['Testing  4/4', 'Predicting  2/2']);
  });

  it('draws no bar in CI, even on a terminal', async () => {
    vi.stubEnv('CI', 'true');
    const screen = new Screen(100);
    await trainerWith(new ProgressBar({ stream: screen })).fit(new Shown(), data());
    expect(timeless(screen.text)[0]).toMatch(/^Epoch 0\/1 {2}3\/3 {2}\w+: \d\.\d{3} {2}\w+: \d\.\d{3}$/);
  });
});

describe('ProgressBar on a terminal', () => {
  const fast: ProgressBarOptions = { refreshRate: 1e6 };

  it('leaves a line for each epoch and nothing of the sanity check and the validations', async () => {
    const screen = new Screen(100);
    const slow = new LambdaCallback({ onTrainEpochStart: () => new Promise((resolve) => setTimeout(resolve, 120)) });
    await trainerWith(new ProgressBar({ ...fast, stream: screen }), [slow]).fit(new Shown(), data());
    expect(timeless(screen.text)).toEqual([
      expect.stringMatching(/^Epoch 0\/1 {2}━+ 3\/3 {2}loss: 0\.500 {2}val_acc: 1\.000$/),
      expect.stringMatching(/^Epoch 1\/1 {2}━+ 3\/3 {2}loss: 0\.500 {2}val_acc: 0\.750$/),
    ]);
  });

  it('shows a second bar while it validates, and the finished one when a test is over', async () => {
    const screen = new Screen(120);
    const during: string[] = [];
    const watch = new LambdaCallback({
      onValidationBatchStart: (_trainer, _module, _batch, batchIdx) =>
        void (batchIdx === 1 && during.push(screen.text)),
      onTrainBatchStart: (_trainer, _module, _batch, batchIdx) => void (batchIdx === 1 && during.push(screen.text)),
    });
    await trainerWith(new ProgressBar({ ...fast, stream: screen }), [watch], { maxEpochs: 1 }).fit(new Shown(), data());
    const [sanity, training, validation] = during.map(timeless);
    expect(sanity).toEqual([expect.stringMatching(/^Sanity Checking ━+\s+1\/2$/)]);
    expect(training).toEqual([expect.stringMatching(/^Epoch 0\/0 {2}━+╸?\s+1\/3 {2}loss: 0\.500$/)]);
    expect(validation).toEqual([
      expect.stringMatching(/^Epoch 0\/0 {2}━+ 3\/3 {2}loss: 0\.500$/),
      expect.stringMatching(/^Validation ━+\s+1\/2$/),
    ]);
  });

  it('prints above the bar', async () => {
    const screen = new Screen(100);
    const bar = new ProgressBar({ ...fast, stream: screen });
    const talk = new LambdaCallback({
      onTrainBatchEnd: (_trainer, _module, _outputs, _batch, batchIdx) => bar.print('batch', batchIdx),
    });
    await trainerWith(bar, [talk], { maxEpochs: 1 }).fit(new Shown(), data());
    expect(timeless(screen.text)).toEqual(['batch 0', 'batch 1', 'batch 2', expect.stringContaining('3/3')]);
  });

  it('keeps only the last epoch when told so', async () => {
    const screen = new Screen(100);
    await trainerWith(new ProgressBar({ ...fast, stream: screen, leave: false })).fit(new Shown(), data());
    expect(timeless(screen.text)).toEqual([expect.stringContaining('Epoch 1/1')]);
  });

  it('leaves the bar where it was when training fails', async () => {
    class Failing extends Shown {
      override trainingStep(batch: Tensor): Tensor {
        if (this.globalStep === 2) throw new Error('no luck');
        return super.trainingStep(batch);
      }
    }
    const screen = new Screen(100);
    const bar = new ProgressBar({ ...fast, stream: screen });
    await expect(trainerWith(bar).fit(new Failing(), data())).rejects.toThrow('no luck');
    expect(timeless(screen.text)).toEqual([expect.stringMatching(/^Epoch 0\/1 .* 2\/3/)]);
  });

  it('gives metrics a line of their own on a narrow terminal, and wraps nothing', async () => {
    const screen = new Screen(50);
    await trainerWith(new ProgressBar({ ...fast, stream: screen }), [], { maxEpochs: 1 }).fit(new Shown(), data());
    const lines = screen.text.trimEnd().split('\n');
    expect(lines).toHaveLength(3);
    expect(lines[2]).toBe('  loss: 0.500  val_acc: 1.000');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(50);
  });
});

describe('what the bar shows', () => {
  it('names the version of the loggers, and lets it win over a metric of that name', async () => {
    const seen: unknown[] = [];
    class Named extends LossModel {
      override trainingStep(batch: Tensor, batchIdx: number): Tensor {
        this.log('v_num', 7, { progBar: true });
        return super.trainingStep(batch, batchIdx);
      }
    }
    const bar = new ProgressBar({ stream: new Pipe() });
    const { CSVLogger } = await import('../loggers/csvLogger.js');
    const { mkdtempSync, rmSync } = await import('node:fs');
    const folder = mkdtempSync('/tmp/progress-bar-');
    const loggers = [new CSVLogger(folder, { version: 'long-name' }), new CSVLogger(folder, { version: 3 })];
    const watch = new LambdaCallback({
      onTrainEpochEnd: (trainer, module) => void seen.push(bar.getMetrics(trainer, module)),
    });
    await trainerWith(bar, [watch], { maxEpochs: 1, logger: loggers }).fit(new Named(), data());
    rmSync(folder, { recursive: true });
    expect(seen).toEqual([{ v_num: 7 }]);
  });

  it('is off with refreshRate 0, after disable, and back on after enable', async () => {
    const pipe = new Pipe();
    await trainerWith(new ProgressBar({ stream: pipe, refreshRate: 0 })).fit(new Shown(), data());
    const bar = new ProgressBar({ stream: pipe });
    bar.disable();
    await trainerWith(bar).fit(new Shown(), data());
    expect(timeless(pipe.text)).toEqual([]);
    bar.enable();
    await trainerWith(bar).fit(new Shown(), data());
    expect(pipe.text).toContain('Epoch 0/1');
  });

  it('shows the second run of a Trainer as well', async () => {
    const pipe = new Pipe();
    const trainer = trainerWith(new ProgressBar({ stream: pipe }), [], { maxEpochs: 1 });
    await trainer.fit(new Shown(), data());
    await trainer.fit(new Shown(), data());
    expect(timeless(pipe.text)).toHaveLength(2);
  });

  it('can look like tqdm, drawn after every n batches', async () => {
    const screen = new Screen(100);
    const frames: string[] = [];
    const watch = new LambdaCallback({
      onTrainBatchEnd: async (_trainer, _module, _outputs, _batch, batchIdx) => {
        await new Promise((resolve) => setTimeout(resolve, 110));
        frames.push(`${batchIdx} ${/ \d\/4/.exec(screen.text)?.[0] ?? '-'}`);
      },
    });
    const bar = new TQDMProgressBar({ stream: screen, refreshRate: 2, leave: true });
    await trainerWith(bar, [watch], { maxEpochs: 1, numSanityValSteps: 0 }).fit(new Shown(), {
      trainDataloaders: batches(4),
    });
    // A callback that watches metrics comes after the others.
    expect(frames).toEqual(['0  0/4', '1  0/4', '2  2/4', '3  2/4']);
    expect(screen.text.replace(/^Training on .*\n/, '')).toMatch(
      /^Epoch 0: 100%\|█+\| 4\/4 \[00:00<00:00, +[\d.]+it\/s, loss=0\.500\]\n$/,
    );
  });

  it('numbers the loaders as tqdm does, and leaves rate and redraws to the environment', async () => {
    vi.stubEnv('TQDM_MINITERS', '3');
    const pipe = new Pipe();
    await trainerWith(new TQDMProgressBar({ stream: pipe, plainInterval: 0 }), [], { maxEpochs: 1 }).fit(
      new Shown(),
      data(),
    );
    expect(pipe.text).toContain('Sanity Checking DataLoader 0: 100%|##########| 2/2');
    expect(pipe.text).not.toContain('1/3');
    expect(pipe.text).toContain('Epoch 0: 100%|##########| 3/3');
  });

  it("can have colours of one's own", async () => {
    vi.stubEnv('FORCE_COLOR', '1');
    const screen = new Screen(100);
    let text = '';
    const stream = Object.assign(Object.create(screen) as Screen, {
      write: (chunk: string) => {
        text += chunk;
        return screen.write(chunk);
      },
    });
    const bar = new RichProgressBar({ stream, theme: { progressBarFinished: 'green1', metrics: 'bold' } });
    await trainerWith(bar, [], { maxEpochs: 1 }).fit(new Shown(), data());
    expect(text).toContain('\u001b[38;5;46m━');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what is looked for
    expect(text).toMatch(/\u001b\[1m(loss: 0\.500 val_acc: 1\.000|val_acc: 1\.000 loss: 0\.500)\u001b\[0m/);
  });

  it('can show something else: getMetrics and the descriptions may be overridden', async () => {
    class Own extends ProgressBar {
      override getMetrics(): Record<string, number | string> {
        return { mine: 7 };
      }
      protected override get trainDescription(): string {
        return 'Round';
      }
    }
    const pipe = new Pipe();
    await trainerWith(new Own({ stream: pipe }), [], { maxEpochs: 1 }).fit(new Shown(), data());
    expect(timeless(pipe.text)).toEqual(['Round 0/0  3/3  mine: 7.000']);
  });

  it('refuses bad options', () => {
    expect(() => new ProgressBar({ leave: 1 as never })).toThrow(/OPTION_INVALID/);
    expect(() => new ProgressBar({ stream: {} as never })).toThrow(/OPTION_INVALID/);
    expect(() => new ProgressBar({ refresh_rate: 1 } as never)).toThrow(/OPTION_UNKNOWN.*refreshRate/);
    expect(() => new TQDMProgressBar({ processPosition: -1 })).toThrow(/OPTION_INVALID/);
    expect(() => new TQDMProgressBar({ refreshRate: 0.5 })).toThrow(/OPTION_INVALID/);
    expect(() => new RichProgressBar({ theme: { time: 'gry82' } })).toThrow(/OPTION_INVALID/);
    expect(() => new ProgressBar({ refreshRate: -1 })).toThrow(/OPTION_INVALID/);
    expect(() => new ProgressBar({ plainInterval: Number.NaN })).toThrow(/OPTION_INVALID/);
  });
});
