import {
  Callback,
  LightningDataModule,
  LightningModule,
  type LoggedValue,
  type LogOptions,
} from '@lightning-ts/lightning';
import { MaxMetric, MeanMetric } from '@lightning-ts/metrics';
import { stack, Tensor } from '@lightning-ts/torch';
import { Dropout, Linear } from '@lightning-ts/torch/nn';
import * as optim from '@lightning-ts/torch/optim';
import type { LogItem, Scenario } from './scenario.js';

const shared = (
  'setup on_fit_start on_train_start on_train_epoch_start on_train_batch_start on_before_zero_grad on_before_backward ' +
  'on_after_backward on_before_optimizer_step on_train_batch_end on_train_epoch_end on_train_end on_validation_start ' +
  'on_validation_epoch_start on_validation_batch_start on_validation_batch_end on_validation_epoch_end on_validation_end ' +
  'on_test_start on_test_epoch_start on_test_batch_start on_test_batch_end on_test_epoch_end on_test_end on_predict_start ' +
  'on_predict_epoch_start on_predict_batch_start on_predict_batch_end on_predict_epoch_end on_predict_end ' +
  'on_save_checkpoint on_load_checkpoint on_fit_end teardown'
).split(' ');
const moduleHooks = [
  ...shared,
  ...(
    'configure_callbacks prepare_data configure_model on_before_batch_transfer transfer_batch_to_device ' +
    'on_after_batch_transfer backward optimizer_step optimizer_zero_grad lr_scheduler_step configure_gradient_clipping ' +
    'clip_gradients on_validation_model_eval on_validation_model_zero_grad on_test_model_eval on_predict_model_eval'
  ).split(' '),
];
const callbackHooks = [...shared, 'on_sanity_check_start', 'on_sanity_check_end', 'on_exception'];
const dataHooks = (
  'prepare_data setup teardown train_dataloader val_dataloader test_dataloader predict_dataloader state_dict ' +
  'load_state_dict on_exception'
).split(' ');

/** `max_epochs` -> `maxEpochs`; a leading capital (`T_max`) becomes small. */
export const camel = (name: string): string =>
  name
    .replace(/^[A-Z]/, (letter) => letter.toLowerCase())
    .replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

export const camelKeys = (record: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [camel(key), value]));

/** What happens in a scenario, in order. */
export class Tape {
  calls: string[] = [];
  readonly losses: number[] = [];
  readonly rates: number[][] = [];
  private readonly counts = new Map<string, number>();

  constructor(readonly scenario: Scenario) {}

  hook(name: string, target: { trainer: { shouldStop: boolean } } | null, log: (item: LogItem) => void): void {
    this.calls.push(name);
    for (const item of this.scenario.logs?.[name] ?? []) log(item);
    const count = (this.counts.get(name) ?? 0) + 1;
    this.counts.set(name, count);
    const { stop, raise } = this.scenario;
    if (stop?.hook === name && stop.call === count && target !== null) target.trainer.shouldStop = true;
    if (raise?.hook === name && raise.call === count) throw new Error('planned');
  }
}

type Fn = (...args: unknown[]) => unknown;
type Batch = Tensor | readonly (Tensor | null | readonly Tensor[])[] | Readonly<Record<string, Tensor>>;

/** Defines `name` on one instance, in front of what it has. */
function define(target: object, name: string, before: () => void, stand?: Fn): void {
  const own = (target as Record<string, Fn | undefined>)[name] ?? stand;
  Object.defineProperty(target, name, {
    configurable: true,
    enumerable: false,
    writable: true,
    value: (...args: unknown[]) => {
      before();
      return own?.apply(target, args);
    },
  });
}

export class ScenarioModel extends LightningModule<Batch> {
  layer = new Linear(2, 1);
  other: Linear | null = null;
  dropout: Dropout | null = null;
  mean = new MeanMetric();
  most = new MaxMetric();
  private validations = 0;
  private loss: Tensor | null = null;

  constructor(
    private readonly scenario: Scenario,
    private readonly tape: Tape,
  ) {
    super();
    if (scenario.model === 'manual') {
      this.other = new Linear(2, 1);
      this.automaticOptimization = false;
    }
    if (scenario.dropout === true) this.dropout = new Dropout(0.5);
  }

  override forward(x: Tensor): Tensor {
    return this.layer.forward(this.dropout?.forward(x) ?? x);
  }

  logItem(item: LogItem): void {
    const { name, value = 'loss', ...options } = item;
    let logged: LoggedValue;
    if (value === 'loss') logged = this.loss!;
    else if (value === 'mean' || value === 'most') {
      const metric: MeanMetric | MaxMetric = value === 'mean' ? this.mean : this.most;
      metric.update(this.loss!.detach());
      logged = metric;
    } else if (typeof value === 'number') logged = value;
    else {
      if (this.trainer.sanityChecking) return;
      logged = value[Math.min(this.validations, value.length - 1)]!;
    }
    this.log(name, logged, camelKeys(options) as LogOptions);
  }

  override onValidationEnd(): void {
    if (!this.trainer.sanityChecking) this.validations += 1;
  }

  private step(batch: Batch, hook: string): Tensor {
    const given = batch instanceof Tensor ? [batch] : Object.values(batch);
    const parts = given
      .filter((part) => part !== null)
      .map((part) =>
        this.forward(part instanceof Tensor ? part : (part as readonly Tensor[])[0]!)
          .pow(2)
          .mean(),
      );
    this.loss = stack(parts).mean();
    this.tape.hook(`M.${hook}`, this, (item) => this.logItem(item));
    return this.loss;
  }

  override trainingStep(batch: Batch, batchIdx: number): Tensor | null {
    const { scenario, tape } = this;
    tape.rates.push(this.trainer.optimizers.map(({ paramGroups }) => Number(paramGroups[0]!.lr)));
    const loss = this.step(batch, 'training_step');
    if (this.other === null) {
      tape.losses.push(Number(loss.item()));
      return scenario.skip?.includes(batchIdx) ? null : loss;
    }
    const [first, second] = this.optimizers(2);
    this.toggleOptimizer(first);
    first.zeroGrad();
    this.manualBackward(loss);
    first.step();
    this.untoggleOptimizer(first);
    if ((batchIdx + 1) % (scenario.second_every ?? 1) === 0) {
      this.toggleOptimizer(second);
      const x = batch as Tensor;
      const other = this.other.forward(x).sub(this.layer.forward(x).detach()).pow(2).mean();
      this.manualBackward(other);
      this.clipGradients(second, { gradientClipVal: 0.5, gradientClipAlgorithm: 'norm' });
      second.step();
      second.zeroGrad();
      this.untoggleOptimizer(second);
      tape.losses.push(Number(other.item()));
    }
    if (scenario.scheduler !== undefined) (this.lrSchedulers()[0] as { step(): void }).step();
    tape.losses.push(Number(loss.item()));
    return null;
  }

  override validationStep(batch: Batch): void {
    this.step(batch, 'validation_step');
  }

  override testStep(batch: Batch): void {
    this.step(batch, 'test_step');
  }

  override predictStep(batch: Batch): Tensor {
    this.tape.hook('M.predict_step', this, (item) => this.logItem(item));
    return this.forward(batch as Tensor);
  }

  override configureOptimizers() {
    this.tape.hook('M.configure_optimizers', this, (item) => this.logItem(item));
    const { kind, ...options } = this.scenario.optimizer ?? { kind: 'SGD', lr: 0.1 };
    const plan = this.scenario.scheduler;
    type Maker = new (target: unknown, options: unknown) => never;
    const made = new (optim as unknown as Record<string, Maker>)[kind]!(this.layer.parameters(), camelKeys(options));
    let config: unknown = made;
    if (plan !== undefined) {
      const { kind: name, args, ...rest } = plan;
      const scheduler = new (optim as unknown as Record<string, Maker>)[name]!(made, camelKeys(args));
      config = { optimizer: made, lrScheduler: { scheduler, ...rest } };
    }
    if (this.other === null) return config as never;
    const second = new optim.Adam(this.other.parameters(), { lr: 0.01 });
    return (plan === undefined ? [made, second] : [config, { optimizer: second }]) as never;
  }
}

/** Lets the tape hear every hook of the model. */
export function tapeModel(model: ScenarioModel, tape: Tape): ScenarioModel {
  // What the Trainer does itself where the module says nothing.
  const standsIn: Record<string, Fn> = {
    onBeforeBatchTransfer: (batch) => batch,
    transferBatchToDevice: (batch) => batch,
    onAfterBatchTransfer: (batch) => batch,
    configureCallbacks: () => [],
    onValidationModelZeroGrad: () => model.zeroGrad(),
    onValidationModelEval: () => model.eval(),
    onTestModelEval: () => model.eval(),
    onPredictModelEval: () => model.eval(),
  };
  for (const hook of moduleHooks) {
    const log = (item: LogItem) => model.logItem(item);
    define(model, camel(hook), () => tape.hook(`M.${hook}`, model, log), standsIn[camel(hook)]);
  }
  return model;
}

class Recorder extends Callback {}

/** A callback that tells the tape of each of its hooks. */
export function tapeCallback(model: ScenarioModel, tape: Tape): Callback {
  const recorder = new Recorder();
  const log = (item: LogItem) => model.logItem(item);
  for (const hook of callbackHooks) define(recorder, camel(hook), () => tape.hook(`C.${hook}`, model, log));
  return recorder;
}

/** The loaders of a scenario by their use. */
export type Loaders = Readonly<Record<'train' | 'val' | 'test' | 'predict', unknown>>;

export class ScenarioData extends LightningDataModule {
  constructor(private readonly made: Loaders) {
    super();
  }
  override trainDataloader() {
    return this.made.train as never;
  }
  override valDataloader() {
    return (this.made.val ?? []) as never;
  }
  override testDataloader() {
    return this.made.test as never;
  }
  override predictDataloader() {
    return this.made.predict as never;
  }
  override stateDict() {
    return { position: 3 };
  }
}

/** Lets the tape hear every hook of the data module. */
export function tapeData(data: ScenarioData, tape: Tape): ScenarioData {
  for (const hook of dataHooks) define(data, camel(hook), () => tape.hook(`D.${hook}`, null, () => {}));
  return data;
}
