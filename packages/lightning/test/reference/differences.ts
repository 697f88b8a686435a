import type { Ours } from './runScenario.js';
import type { Outcome } from './scenario.js';

/** A scenario in which we do something else on purpose; docs/reference/lightning-parity.md says why. */
interface Difference {
  /** Options that bring the reference's behaviour back. */
  readonly options?: Ours;
  /** Turns what the reference did into what we do. */
  readonly change?: (outcome: Outcome) => void;
  /** Takes out of both what follows from the difference and has no recording. */
  readonly without?: (outcome: Outcome) => void;
}

type Counts = Record<'total' | 'current', Record<string, number>>;

const loop = (outcome: Outcome, name: string): Counts => outcome.loops![name] as Counts;

/** An epoch that is cut short is not over: it is not counted, and can be gone on with. */
function lastEpochIsOpen(outcome: Outcome): void {
  outcome.runs.at(-1)!.current_epoch -= 1;
  const { total, current } = loop(outcome, 'epoch_progress');
  for (const counts of [total, current]) {
    counts.completed! -= 1;
    counts.processed! -= 1;
  }
}

/** Manual optimization counts the steps of each optimizer too. */
const stepsOf =
  (...steps: number[]) =>
  (outcome: Outcome): void => {
    outcome.loops!['epoch_loop.manual_optimization.state_dict'] = { optimizer_steps: steps };
  };

const saves = 'C.on_save_checkpoint M.on_save_checkpoint';

/** Callbacks that watch a metric save after the module's own hook, so that the file holds what it did. */
const savesAfter =
  (hook: string) =>
  ({ runs }: Outcome): void => {
    for (const run of runs) run.hooks = run.hooks.replaceAll(`${saves} M.${hook}`, `M.${hook} ${saves}`);
  };

/** A checkpoint that is both the best and the last is gathered once. */
function gatheredOnce({ runs }: Outcome): void {
  for (const run of runs) run.hooks = run.hooks.replaceAll(`${saves} ${saves}`, saves);
}

/** Everything that was begun is ended. */
function tornDown({ runs }: Outcome): void {
  for (const run of runs) run.hooks += ' C.teardown M.teardown';
}

/** A resumed run does not check itself: the one that wrote the checkpoint did. */
function withoutSanityCheck(run: Outcome['runs'][number]): void {
  run.hooks = run.hooks.replace(/ C\.on_sanity_check_start .*?C\.on_sanity_check_end/, '');
}

/** Rows of learning rates have an epoch, and callbacks see them with all their digits. */
const ratesWithEpoch =
  (name: string, batches: number) =>
  (outcome: Outcome): void => {
    const run = outcome.runs[0]!;
    for (const [step, values] of run.rows) values.epoch = Math.floor(step / batches);
    const rate = run.rows.at(-1)![1][name]!;
    run.callback_metrics[name] = rate;
    run.logged_metrics[name] = rate;
  };

const all =
  (...changes: ((outcome: Outcome) => void)[]) =>
  (outcome: Outcome): void => {
    for (const change of changes) change(outcome);
  };

/** The scenarios that differ, by name. All others are equal in everything. */
export const differences: Readonly<Record<string, Difference>> = {
  // A short window is divided by its true length.
  'accumulation that does not divide': { options: { accumulationDivisor: 'option' } },
  'accumulation longer than the epoch': { options: { accumulationDivisor: 'option' } },
  'maxSteps with accumulation': { options: { accumulationDivisor: 'option' } },
  'an odd tail without batches to accumulate': { options: { accumulationDivisor: 'option' } },

  'maxSteps inside an epoch': { change: lastEpochIsOpen },
  'stopping is asked for in a batch': { change: lastEpochIsOpen },
  'stopping waits for minSteps': { change: lastEpochIsOpen },
  'EarlyStopping inside the epoch': { change: lastEpochIsOpen },

  'manual optimization of two optimizers': { change: stepsOf(8, 8) },
  'manual optimization, the second steps every other batch': { change: stepsOf(10, 4) },
  'manual optimization with maxSteps': { change: all(lastEpochIsOpen, stepsOf(3, 3)) },
  'manual optimization with a scheduler stepped by hand': { change: stepsOf(6, 6) },
  'ModelCheckpoint in manual optimization': { change: stepsOf(6, 6) },
  'resume of manual optimization': { change: stepsOf(9, 9) },

  'ModelCheckpoint every two steps': { change: savesAfter('on_train_batch_end') },
  'ModelCheckpoint after each validation': { change: savesAfter('on_validation_end') },
  'ModelCheckpoint after validation rather than training': { change: savesAfter('on_validation_end') },

  'ModelCheckpoint with last': { change: gatheredOnce },
  'ModelCheckpoint with last and a worse end': { change: gatheredOnce },
  // All are kept, also when their names are the same.
  'ModelCheckpoint of equal names': {
    change: (outcome) => {
      outcome.files = ['c/same-v1.ckpt', 'c/same-v2.ckpt', 'c/same.ckpt'];
      outcome.contents = { 'c/same.ckpt': [0, 2], 'c/same-v1.ckpt': [1, 4], 'c/same-v2.ckpt': [2, 6] };
      outcome.checkpoints[0]!.best = 'c/same-v2.ckpt';
    },
  },

  // A run never ends without a file.
  'ModelCheckpoint of an interval longer than the run': { options: { checkpoint: { finalSave: false } } },
  // A slash makes no folder.
  'ModelCheckpoint of a name with a slash': {
    change: (outcome) => {
      const path = 'c/epoch=0-val_score=0.25.ckpt';
      outcome.files = [path];
      outcome.contents = { [path]: [0, 2] };
      outcome.checkpoints = [{ ...outcome.checkpoints[0]!, best: path, models: { [path]: 0.25 } }];
    },
  },

  'a data module': {
    change: ({ runs }) => {
      const resumed = runs[4]!;
      withoutSanityCheck(resumed);
      // The check asked for the validation loader; now training does.
      resumed.hooks = resumed.hooks.replace('D.train_dataloader', 'D.train_dataloader D.val_dataloader');
    },
  },
  'resume from the end of an epoch': {
    change: all(gatheredOnce, (outcome) => {
      withoutSanityCheck(outcome.runs[1]!);
      // The epoch's row, which the first run wrote after the checkpoint.
      outcome.runs[1]!.rows.unshift(structuredClone(outcome.runs[0]!.rows.at(-1)!));
      // The reference forgets to count the epoch that the checkpoint closed.
      loop(outcome, 'epoch_progress').total.completed! += 1;
    }),
  },

  'a scheduler by epochs': { change: ratesWithEpoch('lr-SGD', 2) },
  'a scheduler by steps with a learning-rate monitor': { change: ratesWithEpoch('rate', 3) },

  // Every second step of the run, not of each epoch.
  'a scheduler by every second step of an odd epoch': {
    change: (outcome) => {
      outcome.rates = outcome.rates.map((_, step) => [0.1 * 0.5 ** Math.floor(step / 2)]);
      const { total } = loop(outcome, 'epoch_loop.scheduler_progress');
      total.ready = 7;
      total.completed = 7;
    },
    without: (outcome) => {
      outcome.losses = [];
      outcome.weights = {};
      for (const run of outcome.runs) run.hooks = run.hooks.replaceAll(' M.lr_scheduler_step', '');
    },
  },

  'an exception in a module hook': {
    change: all(tornDown, ({ losses, runs: [run] }) => {
      // What was logged last, in the batch that failed.
      run!.callback_metrics.loss = losses[1]!;
      run!.logged_metrics.loss = losses[1]!;
    }),
  },
  'an exception in a validation step': { change: tornDown },
  'an exception with a data module': {
    change: ({ runs: [run] }) => {
      // Newer versions of the reference tell the data module too.
      run!.hooks += ' D.on_exception D.teardown C.teardown M.teardown';
    },
  },

  // A second fit starts anew; `ckptPath` goes on. The reference finds its limit reached and does nothing.
  'fit twice with one Trainer': {
    change: ({ runs }) => {
      const [first, second] = runs;
      second!.hooks = first!.hooks;
    },
    without: (outcome) => {
      outcome.losses = outcome.losses.slice(0, 3);
      outcome.rates = outcome.rates.slice(0, 3);
      outcome.weights = {};
    },
  },
};
