import { Device, manualSeed, type Tensor } from '@lightning-ts/torch';
import type {
  BackendName,
  DistributedDataParallel,
  DistributedDataParallelOptions,
  ProcessGroup,
} from '@lightning-ts/torch/distributed';
import { LightningError } from '../errors.js';
import { refusePromise } from '../hooks/refusePromise.js';
import type { RankOutput } from '../launchers/launchedRanks.js';
import { launchedBy, remainingDevices } from '../launchers/launchVariables.js';
import type { Supervisor } from '../launchers/supervisor.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { BackwardOptions } from '../module/moduleContext.js';
import { OptionReader } from '../optionReader.js';
import { setProcessRank } from '../rankZero.js';
import { LightningEnvironment } from './environments/lightningEnvironment.js';
import type { Job } from './job.js';
import { moveToDevice } from './moveToDevice.js';
import type { ReduceOp, Strategy, StrategyResources } from './strategy.js';

type EngineOption =
  | 'bucketCapMb'
  | 'findUnusedParameters'
  | 'staticGraph'
  | 'gradientAsBucketView'
  | 'broadcastBuffers'
  | 'parametersToIgnore'
  | 'commHook';
type EngineOptions = Pick<DistributedDataParallelOptions, EngineOption>;

/** How the processes share the work. What the engine's DistributedDataParallel takes, and how they find and watch each other. */
export interface DDPStrategyOptions extends EngineOptions {
  /** `'gloo'` or `'nccl'`. Default: by the device. */
  readonly processGroupBackend?: BackendName;
  /** Milliseconds that a collective may take. Default 30 minutes. */
  readonly timeout?: number;
  /** Milliseconds to wait for all processes to come. Default 5 minutes. */
  readonly rendezvousTimeout?: number;
  /** Milliseconds without a sign of life after which a process counts as lost. Default 8,000; at most 10,000 are advisable. */
  readonly lostAfter?: number;
  /** What is shown of what the processes print that the first one starts. Default `'rankZero'`. */
  readonly output?: RankOutput;
  /**
   * How often the processes are started again after one of them failed; they go on from the last checkpoint. The process that
   * was started by hand only watches then, and the script runs in others. On one machine. Default 0.
   */
  readonly maxRestarts?: number;
  /**
   * With how few processes the job goes on: as long as there are more, a restart leaves out the one that failed, and its device.
   * Each process keeps the size of its batches, so that the joined batch gets smaller. Default: all of `devices`, so that as many
   * are started again as there were.
   */
  readonly minProcesses?: number;
  /** How `fit` seeds: each process a stream of its own from the first training on (true), or all alike. Default true. */
  readonly seedByRank?: boolean;
}

/** What is where: read once, because the environment is asked at every step otherwise. */
interface Place extends StrategyResources {
  readonly rank: number;
  readonly worldSize: number;
  readonly localRank: number;
  readonly nodeRank: number;
  /** This process's. */
  readonly device: Device;
}

function placeOf(resources: StrategyResources): Place {
  const { devices, environment, numNodes } = resources;
  const [localRank, nodeRank] = [environment.localRank(), environment.nodeRank()];
  // Nobody but the options says it where nothing but the user started the processes.
  const [rank, worldSize] =
    environment instanceof LightningEnvironment
      ? [nodeRank * devices.length + localRank, devices.length * numNodes]
      : [environment.globalRank(), environment.worldSize()];
  return { ...resources, rank, worldSize, localRank, nodeRank, device: devices[localRank] ?? devices[0]! };
}

/**
 * Data-parallel training: each process computes the gradients of its own batches, and all take the step with the average. The
 * model is the same everywhere, so that n processes with batches of b are one process with batches of n · b.
 */
export class DDPStrategy implements Strategy {
  readonly name = 'ddp';
  private readonly options: Required<
    Omit<DDPStrategyOptions, EngineOption | 'processGroupBackend' | 'minProcesses'>
  > & {
    readonly processGroupBackend: BackendName | null;
    readonly minProcesses: number | null;
  };
  private readonly engine: EngineOptions;
  private place: Place | null = null;
  private joined: Job | null = null;
  private supervisor: Supervisor | null = null;
  private connected: LightningModule | null = null;
  private wrapped: DistributedDataParallel<LightningModule> | null = null;
  private hasSeeded = false;
  private hasSyncedLayers = false;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN, OPTION_CONFLICT */
  constructor(options: DDPStrategyOptions = {}) {
    const reader = new OptionReader<DDPStrategyOptions>('DDPStrategy', options);
    this.options = {
      processGroupBackend: reader.choice<BackendName>('processGroupBackend', ['gloo', 'nccl'], null),
      timeout: reader.integer('timeout', 30 * 60_000, 1),
      rendezvousTimeout: reader.integer('rendezvousTimeout', 5 * 60_000, 1),
      lostAfter: reader.integer('lostAfter', 8_000, 0),
      output: reader.choice('output', ['rankZero', 'prefixed'], 'rankZero'),
      maxRestarts: reader.integer('maxRestarts', 0, 0),
      minProcesses: reader.integer('minProcesses', null, 1),
      seedByRank: reader.boolean('seedByRank', true),
    };
    const commHook: unknown = reader.value('commHook');
    const isHook =
      commHook === undefined ||
      typeof commHook === 'function' ||
      ['allreduce', 'fp16', 'bf16'].includes(String(commHook));
    if (!isHook) throw reader.invalid('commHook', "'allreduce', 'fp16', 'bf16' or a function");
    this.engine = {
      findUnusedParameters: reader.boolean('findUnusedParameters', false),
      staticGraph: reader.boolean('staticGraph', false),
      gradientAsBucketView: reader.boolean('gradientAsBucketView', false),
      broadcastBuffers: reader.boolean('broadcastBuffers', true),
      bucketCapMb: reader.number('bucketCapMb', 25),
      parametersToIgnore: (reader.value('parametersToIgnore') as EngineOptions['parametersToIgnore']) ?? [],
      ...(commHook === undefined ? {} : { commHook: options.commHook! }),
    };
    reader.done();
    if (this.options.minProcesses !== null && this.options.maxRestarts === 0)
      throw new LightningError(
        'OPTION_CONFLICT',
        `minProcesses is ${this.options.minProcesses}, but maxRestarts is 0, so the job never goes on with fewer processes. Set maxRestarts, ` +
          'or leave minProcesses out.',
      );
  }

  // ---- who this is

  useResources(resources: StrategyResources): void {
    const { environment, numNodes } = resources;
    const devices = remainingDevices(resources.devices);
    if (devices[0]?.type === 'mps')
      throw new LightningError(
        'OPTION_CONFLICT',
        "strategy 'ddp' needs devices that can exchange data, which mps cannot. Use one device.",
      );
    environment.validateSettings(devices.length, numNodes);
    if (
      this.options.maxRestarts > 0 &&
      (numNodes > 1 || (environment.createsProcessesExternally && launchedBy() === null))
    )
      throw new LightningError(
        'OPTION_CONFLICT',
        `maxRestarts is ${this.options.maxRestarts}, but the processes are ${numNodes > 1 ? 'on several machines' : `started by ${environment.name}`}. ` +
          'Whoever starts them starts them again: torchrun has --max_restarts, SLURM --requeue.',
      );
    const { minProcesses } = this.options;
    if (minProcesses !== null && minProcesses > resources.devices.length)
      throw new LightningError(
        'OPTION_INVALID',
        `minProcesses is ${minProcesses}, but there are ${resources.devices.length} devices. Use a whole number from 1 to ${resources.devices.length}.`,
      );
    this.place = placeOf({ ...resources, devices });
    setProcessRank(this.globalRank);
  }

  private get here(): Place {
    this.place ??= placeOf({
      devices: [new Device('cpu')],
      numNodes: 1,
      environment: new LightningEnvironment(),
      layerSync: null,
    });
    return this.place;
  }

  get worldSize(): number {
    return this.here.worldSize;
  }

  get globalRank(): number {
    return this.here.rank;
  }

  get localRank(): number {
    return this.here.localRank;
  }

  get nodeRank(): number {
    return this.here.nodeRank;
  }

  get isGlobalZero(): boolean {
    return this.globalRank === 0;
  }

  get rootDevice(): Device {
    return this.here.device;
  }

  get module(): LightningModule | null {
    return this.connected;
  }

  /** What trains: the engine's wrapper around the module; null outside of `fit`. */
  get model(): DistributedDataParallel<LightningModule> | null {
    return this.wrapped;
  }

  /** The group of all processes, for collectives of one's own. @throws LightningError NOT_ATTACHED before the first run */
  get processGroup(): ProcessGroup {
    return this.job.group;
  }

  private get job(): Job {
    if (this.joined !== null) return this.joined;
    throw new LightningError(
      'NOT_ATTACHED',
      'The processes have not come together yet: they do when fit, validate, test or predict begins. Until then there is nobody to ' +
        'exchange values with.',
    );
  }

  connect(module: LightningModule): void {
    this.connected = module;
  }

  // ---- beginning

  async setupEnvironment(): Promise<void> {
    if (this.joined !== null) return;
    const { devices, environment } = this.here;
    const { lostAfter, maxRestarts, minProcesses, output, rendezvousTimeout, timeout } = this.options;
    if (maxRestarts > 0 && launchedBy() === null) {
      const launchers = await import('../launchers/supervisor.js');
      const processes = devices.length;
      this.supervisor = new launchers.Supervisor({
        processes,
        maxRestarts,
        minProcesses: minProcesses ?? processes,
        output,
      });
      await this.supervisor.run();
    }
    const { Job } = await import('./job.js');
    const backend = this.options.processGroupBackend ?? (this.rootDevice.type === 'cuda' ? 'nccl' : 'gloo');
    const { globalRank: rank, localRank, nodeRank, worldSize } = this;
    const plan = { environment, rank, worldSize, localRank, nodeRank, devices: devices.length, backend };
    this.joined = await Job.join({ ...plan, timeout, rendezvousTimeout, lostAfter, output });
  }

  async setup(isTraining: boolean): Promise<void> {
    const module = this.connected!;
    const { layerSync } = this.here;
    if (isTraining && layerSync !== null) {
      await layerSync.apply(module);
      this.hasSyncedLayers = true;
    }
    module.to(this.rootDevice);
  }

  async wrapModel(isTraining: boolean): Promise<void> {
    const module = this.connected!;
    const { Metric } = await import('@lightning-ts/metrics');
    const isMetric = (part: unknown): boolean => part instanceof Metric;
    if (isTraining && module.parameters().some((parameter) => parameter.requiresGrad)) {
      const { DistributedDataParallel } = await import('@lightning-ts/torch/distributed');
      this.wrapped = new DistributedDataParallel<LightningModule>(module, {
        ...this.engine,
        // In manual optimization buffers are sent before the step: between its forward and backward they must stay as they are.
        broadcastBuffers: this.engine.broadcastBuffers! && module.automaticOptimization,
        // A metric's states are this process's own until its value is computed.
        modulesToIgnore: isMetric,
      });
    } else {
      const kept = module.namedModules().filter(([, part]) => isMetric(part));
      const isShared = ([name]: [string, Tensor]): boolean => !kept.some(([path]) => name.startsWith(`${path}.`));
      const tensors = [...module.namedParameters(), ...module.namedBuffers()].filter(isShared);
      this.job.group.broadcastAll(
        tensors.map(([, value]) => value),
        { src: 0 },
      );
    }
    if (!isTraining || !this.options.seedByRank || this.hasSeeded) return;
    this.hasSeeded = true;
    const seed = this.job.broadcast(Number(process.env.PL_GLOBAL_SEED ?? Math.floor(Math.random() * 2 ** 32)));
    // Dropout and augmentation are to differ between processes; the first one goes on as it would alone.
    if (!this.isGlobalZero) manualSeed(seed + this.globalRank);
  }

  batchToDevice<Batch>(batch: Batch): Batch {
    const { rootDevice } = this;
    return rootDevice.type === 'cpu' ? batch : moveToDevice(batch, rootDevice);
  }

  // ---- steps

  runTrainingStep<T>(step: () => T): T {
    const { connected, engine, wrapped } = this;
    if (wrapped === null) return step();
    if (connected!.automaticOptimization) return wrapped.runForward(step);
    if (engine.broadcastBuffers) wrapped.sendBuffers();
    return step();
  }

  backward(module: LightningModule, loss: Tensor, options?: BackwardOptions): void {
    const { wrapped } = this;
    // By hand, a step may have several backwards: each is prepared by itself.
    const prepared = wrapped === null || module.automaticOptimization ? loss : wrapped.runForward(() => loss);
    refusePromise(module.constructor.name, 'backward', module.backward(prepared, options));
  }

  withoutGradSync<T>(step: () => T): T {
    return this.wrapped === null ? step() : this.wrapped.noSync(step);
  }

  // ---- together

  reduce(value: Tensor, op: ReduceOp = 'mean', group?: ProcessGroup): Tensor {
    return this.job.reduce(value, op, group);
  }

  reduceBooleanDecision(decision: boolean, all = true): boolean {
    return this.job.decide(decision, all);
  }

  exchangeFlags(flags: readonly number[]): () => number[] {
    return this.job.exchange(flags, 'max');
  }

  allGather(value: Tensor, options: { syncGrads?: boolean; group?: ProcessGroup } = {}): Tensor {
    return this.job.allGather(value, options.syncGrads ?? false, options.group);
  }

  allGatherObject<T>(value: T): T[] {
    return this.job.allGatherObject(value);
  }

  gatherObject<T>(value: T): T[] | null {
    return this.job.gatherObject(value);
  }

  broadcast<T>(value: T, src = 0): T {
    return this.job.broadcast(value, src);
  }

  async barrier(): Promise<void> {
    await this.job.barrier();
  }

  // ---- ending

  forwardSignal(signal: NodeJS.Signals): void {
    this.supervisor?.signal(signal);
    this.joined?.signal(signal);
  }

  async failWith(error: unknown): Promise<unknown> {
    return this.joined === null ? error : this.joined.failWith(error);
  }

  async teardown(): Promise<void> {
    this.wrapped?.dispose();
    this.wrapped = null;
    const module = this.connected;
    if (module === null) return;
    if (this.hasSyncedLayers) {
      this.hasSyncedLayers = false;
      await this.here.layerSync?.revert(module);
    }
    if (this.rootDevice.type !== 'cpu') module.to('cpu');
  }
}
