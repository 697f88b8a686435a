import { wrapHandle } from '../dispatch.js';
import { type Handle, native, type ReducerHandle } from '../native.js';
import { Embedding, EmbeddingBag } from '../nn/layers/embedding.js';
import { Module } from '../nn/module.js';
import type { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';
import type { BucketResult, CommHookChoice } from './commHooks.js';
import { DistributedError } from './distributedError.js';
import { defaultGroup } from './job.js';
import { checkModelAgreement } from './modelAgreement.js';
import { replaceTensors, tensorsIn } from './outputTensors.js';
import type { ProcessGroup } from './processGroup.js';

export interface DistributedDataParallelOptions {
  /** Default: all processes. */
  processGroup?: ProcessGroup;
  /** Gradients travel in buckets of about this many megabytes; default 25. */
  bucketCapMb?: number;
  /** Look, at each step, for parameters that the outputs do not depend on, instead of waiting for their gradients. */
  findUnusedParameters?: boolean;
  /** Promise that each step uses the same parameters, in the same order, as the first one. */
  staticGraph?: boolean;
  /** Let `.grad` be a view into the buckets: saves a copy, and the memory of one set of gradients. */
  gradientAsBucketView?: boolean;
  /** Give all ranks the buffers of the first rank before each forward pass that is trained; default true. */
  broadcastBuffers?: boolean;
  /** Parameters and buffers, by their names in the module, that each rank keeps to itself. */
  parametersToIgnore?: readonly string[] | ((name: string, tensor: Tensor) => boolean);
  /** The same for all that these submodules hold: states of metrics, for example, which are reduced when computed. */
  modulesToIgnore?: (module: Module, path: string) => boolean;
  /** How gradients are exchanged; default `'allreduce'`. */
  commHook?: CommHookChoice;
}

const megabyte = 2 ** 20;

/**
 * Trains one model in several processes: each one computes gradients for its own part of the batch, and gets the
 * average of all while backward still runs (c10d's reducer: buckets that travel as soon as they are full).
 *
 * All processes start with the parameters and buffers of the first one, which must be of the same names, shapes and
 * dtypes everywhere. Call `forward` of this object, not of the module, and `backward` once for each forward. State keys
 * as Python's: `module.*`.
 *
 * @throws DistributedError `DISTRIBUTED_MISMATCH` on every rank when the models differ; `DISTRIBUTED_ARGUMENT` when
 * nothing is to be trained; later `DISTRIBUTED_UNUSED_PARAMETERS` from `forward` when a parameter got no gradient.
 */
export class DistributedDataParallel<M extends Module = Module> extends Module {
  readonly module: M;
  readonly processGroup: ProcessGroup;
  readonly findUnusedParameters: boolean;
  readonly staticGraph: boolean;
  readonly broadcastBuffers: boolean;
  /** Whether backward passes exchange gradients; `noSync` turns it off. */
  private syncsGradients = true;
  private syncsBuffers = true;
  private syncedForwards = 0;
  private readonly names: string[];
  private readonly modulesToIgnore: (module: Module, path: string) => boolean;
  private readonly isIgnored: (name: string, tensor: Tensor) => boolean;
  private reducer: ReducerHandle;

  constructor(module: M, options: DistributedDataParallelOptions = {}) {
    super();
    const { processGroup = defaultGroup(), bucketCapMb = 25, parametersToIgnore = [] } = options;
    if (!(bucketCapMb > 0))
      throw new DistributedError('DISTRIBUTED_ARGUMENT', `bucketCapMb must be above 0, got ${bucketCapMb}`);
    this.module = module;
    this.training = module.training;
    // Not a field that holds a module or tensor, so it is no part of the state.
    this.processGroup = processGroup;
    this.findUnusedParameters = options.findUnusedParameters ?? false;
    this.staticGraph = options.staticGraph ?? false;
    this.broadcastBuffers = options.broadcastBuffers ?? true;
    this.modulesToIgnore = options.modulesToIgnore ?? (() => false);
    this.isIgnored =
      typeof parametersToIgnore === 'function' ? parametersToIgnore : (name) => parametersToIgnore.includes(name);

    const isShared = this.sharing();
    const parameters = module.namedParameters().filter(isShared);
    const trained = parameters.filter(([, parameter]) => parameter.requiresGrad);
    if (trained.length === 0)
      throw new DistributedError(
        'DISTRIBUTED_ARGUMENT',
        `${module.constructor.name} has no parameter that requires a gradient, so there is nothing to keep in step. Use the module itself`,
      );
    const all = [...parameters, ...module.namedBuffers().filter(isShared)];
    checkModelAgreement(processGroup, all, module.constructor.name);
    processGroup.broadcastAll(
      all.map(([, tensor]) => tensor),
      { src: processGroup.globalRankOf(0) },
    );

    this.names = trained.map(([name]) => name);
    const sparse = sparseWeights(module);
    this.reducer = native.reducerCreate(
      processGroup.ref,
      trained.map(([, parameter]) => parameter),
      trained.map(([, parameter]) => sparse.has(parameter)),
      this.names,
      Math.floor(bucketCapMb * megabyte),
      Math.min(megabyte, Math.floor(bucketCapMb * megabyte)),
      this.findUnusedParameters,
      options.gradientAsBucketView ?? false,
      this.staticGraph,
    );
    if (options.commHook !== undefined) this.registerHook(options.commHook);
  }

  /** Runs the module's forward, so that the backward of what it returns exchanges gradients. */
  override forward(...inputs: Parameters<M['forward']>): ReturnType<M['forward']> {
    return this.runForward(() => this.module.forward(...inputs) as ReturnType<M['forward']>);
  }

  /**
   * Runs any function as the forward pass: a training step that calls the module's forward in its own way, for example.
   * It may return a promise.
   */
  runForward<T>(compute: () => T): T {
    const isTrained = native.isGradEnabled() && this.syncsGradients;
    try {
      if (native.isGradEnabled()) native.reducerBeforeForward(this.reducer);
    } catch (error) {
      throw this.explain(error);
    }
    if (isTrained) this.syncedForwards += 1;
    if (this.syncsBuffers && this.broadcastBuffers) this.sendBuffers();
    this.syncsBuffers = isTrained;
    const output = compute();
    if (!isTrained) return output;
    return (
      output instanceof Promise ? output.then((settled: unknown) => this.prepare(settled)) : this.prepare(output)
    ) as T;
  }

  /**
   * Runs `block` without exchanging gradients: they add up on each rank until the first backward outside. The forward
   * must be inside, too. A promise that the block returns is waited for.
   */
  noSync<T>(block: () => T): T {
    const before = this.syncsGradients;
    this.syncsGradients = false;
    const restore = () => {
      this.syncsGradients = before;
    };
    let result: T;
    try {
      result = block();
    } catch (error) {
      restore();
      throw error;
    }
    if (result instanceof Promise) return result.finally(restore) as T;
    restore();
    return result;
  }

  /** Sends the first rank's buffers to all; `forward` does it by itself with `broadcastBuffers`. */
  sendBuffers(): void {
    // Asked for at every step, as the module may have got others; most often there are none to look at closer.
    const present = this.module.namedBuffers();
    const buffers = present.length === 0 ? present : present.filter(this.sharing());
    if (buffers.length === 0) return;
    this.processGroup.broadcastAll(
      buffers.map(([, buffer]) => buffer),
      { src: this.processGroup.globalRankOf(0) },
    );
  }

  /** Takes the hooks off the parameters; the module can be used alone, or be wrapped again. */
  dispose(): void {
    native.reducerDispose(this.reducer);
  }

  /** @throws DistributedError always: copies of a process's share in a job make no sense; copy `module`. */
  override clone(): never {
    throw new DistributedError(
      'DISTRIBUTED_ARGUMENT',
      'a DistributedDataParallel cannot be cloned, since it is tied to this process; clone its module',
    );
  }

  /** Which of the module's tensors are shared, by their names. */
  private sharing(): (named: readonly [string, Tensor]) => boolean {
    const kept: string[] = [];
    for (const [path, module] of this.module.namedModules())
      if (this.modulesToIgnore(module, path)) kept.push(path === '' ? '' : `${path}.`);
    return ([name, tensor]) => !kept.some((prefix) => name.startsWith(prefix)) && !this.isIgnored(name, tensor);
  }

  /** After the forward: says to the reducer what the backward will bring, and puts the outputs behind a sink. */
  private prepare(output: unknown): unknown {
    const searches = this.findUnusedParameters && !this.staticGraph;
    const delays = this.staticGraph && this.syncedForwards === 1;
    if (!searches && !delays) {
      native.reducerAfterForward(this.reducer, null);
      return output;
    }
    const tensors = tensorsIn(output);
    const warning = native.reducerAfterForward(this.reducer, searches ? tensors : null);
    if (warning !== null) tell(warning);
    const recorded = tensors.filter((tensor) => tensor.gradFn !== null);
    if (recorded.length === 0) return output;
    const handles: Handle[] = native.reducerSink(this.reducer, recorded, delays);
    return replaceTensors(output, new Map(recorded.map((tensor, i) => [tensor, wrapHandle(handles[i]!)])));
  }

  private registerHook(hook: CommHookChoice): void {
    if (hook === 'allreduce') return;
    if (hook === 'fp16' || hook === 'bf16') {
      native.reducerCompress(this.reducer, hook === 'fp16' ? 'float16' : 'bfloat16');
      return;
    }
    if (typeof hook !== 'function')
      throw new DistributedError(
        'DISTRIBUTED_ARGUMENT',
        `commHook must be 'allreduce', 'fp16', 'bf16' or a function, got ${String(hook)}`,
      );
    const pending = new Map<number, () => Tensor>();
    native.reducerHook(
      this.reducer,
      (index, isLast, buffer, gradients, parameters) => {
        const result: Tensor | BucketResult = hook({
          index,
          isLast,
          buffer: wrapHandle(buffer),
          gradients: gradients.map(wrapHandle),
          parameters: parameters.map(wrapHandle),
        });
        if ('work' in result) {
          pending.set(index, () => result.finish());
          return result.work.ref;
        }
        pending.set(index, () => result);
        return null;
      },
      (index) => {
        const finish = pending.get(index)!;
        pending.delete(index);
        return finish().handle;
      },
    );
  }

  /** The reducer names parameters that got no gradient by number. */
  private explain(error: unknown): unknown {
    if (!(error instanceof DistributedError) || error.code !== 'DISTRIBUTED_REDUCER') return error;
    const indices = /did not receive grad for rank \d+: ([\d ]+)/.exec(error.message)?.[1];
    if (indices === undefined) return error;
    const names = indices
      .trim()
      .split(/\s+/)
      .map((index) => this.names[Number(index)] ?? index);
    const advice = this.findUnusedParameters
      ? 'All outputs that the loss is made of must be in what forward returns (arrays, plain objects and Maps are searched), and every rank must call backward once for each forward.'
      : "Use findUnusedParameters: true (a Trainer's strategy 'ddp_find_unused_parameters_true') if some parameters have no part in the loss of each step; else freeze them (requiresGrad = false) or take them out.";
    return new DistributedError(
      'DISTRIBUTED_UNUSED_PARAMETERS',
      `in the last step, ${names.length === 1 ? 'one parameter' : `${names.length} parameters`} got no gradient on rank ${error.rank}, so that the exchange with the other ranks never ended: ${shorten(names)}. ${advice}`,
      { rank: error.rank, collective: error.collective, group: error.group, cause: error },
    );
  }
}

/** The reducer warns once in a process. */
function tell(warning: string): void {
  const known = /did not find any unused parameters/.test(warning);
  warn(
    'DISTRIBUTED_REDUCER',
    known
      ? 'findUnusedParameters is on, and the first step used every parameter. The search costs a walk through the graph in each step; leave the option out if no later step differs.'
      : warning.split('\n')[0]!,
  );
}

function shorten(names: string[]): string {
  const shown = names.slice(0, 10).join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

/** Weights whose gradients are sparse. */
function sparseWeights(module: Module): Set<Tensor> {
  const found = new Set<Tensor>();
  for (const each of module.modules())
    if ((each instanceof Embedding || each instanceof EmbeddingBag) && each.sparse) found.add(each.weight);
  return found;
}
