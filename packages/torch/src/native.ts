import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { AnomalyError, TorchError, type TorchErrorCode } from './errors.js';
import { operatorNames } from './generated/operatorNames.js';
import { warn } from './warnings.js';

/** A native tensor: a reference that the garbage collector frees together with what it points to. */
export type Handle = { readonly handle: unique symbol };
/** The tensors of one parameter group, gathered once for many steps. */
export type StepPlan = { readonly plan: unique symbol };
/** A step over one parameter group; the settings are numbers in the step's own order. */
export type OptimizerStep = (plan: StepPlan, settings: Float64Array, fused: boolean) => void;
/** A TorchScript module of the engine. */
export type ScriptHandle = { readonly script: unique symbol };
/** What a TorchScript module is made of, each by name in the order of its file. */
export interface ScriptParts {
  name: string;
  parameters: [string, Handle][];
  buffers: [string, Handle][];
  children: [string, ScriptHandle][];
  /** Name and type. */
  attributes: [string, string][];
  /** Name and signature. */
  methods: [string, string][];
}
/** What was recorded between two calls: texts by number, and eleven numbers for each event (profiler/event.ts). */
export interface ProfilerRecords {
  texts: string[];
  records: Float64Array;
  startMicroseconds: number;
}
export type GeneratorHandle = { readonly generator: unique symbol };

/** A store of keys and values that several processes share. */
export type StoreHandle = { readonly store: unique symbol };
export type GroupHandle = { readonly group: unique symbol };
/** A collective that was started. */
export type WorkHandle = { readonly work: unique symbol };
export type ReducerHandle = { readonly reducer: unique symbol };
export type MonitorHandle = { readonly monitor: unique symbol };

/** An operation of a store: at once, or as a promise that a thread of the addon settles. Times in milliseconds. */
export interface StoreOperation<Arguments extends unknown[], Result> {
  (store: StoreHandle, isAsync: false, timeout: number, ...args: Arguments): Result;
  (store: StoreHandle, isAsync: true, timeout: number, ...args: Arguments): Promise<Result>;
}

/** The addon's entry points. Only the files of this folder call them. */
export interface Native {
  // dispatch.cc
  loadOperators(names: string): void;
  call(id: number, ...args: unknown[]): unknown;
  run(id: number, ...args: unknown[]): void;
  dumpSchemas(): string;
  // memory.cc
  memoryStats(out: Float64Array): void;
  resetPeakBytes(): void;
  trimMemory(): void;
  setPressureBytes(bytes: number): void;
  watchPressure(flag: Int32Array): void;
  // tensor.cc
  shape(tensor: Handle): number[];
  stride(tensor: Handle): number[];
  sizeAt(tensor: Handle, dim: number): number;
  storageOffset(tensor: Handle): number;
  dim(tensor: Handle): number;
  numel(tensor: Handle): number;
  elementSize(tensor: Handle): number;
  dtype(tensor: Handle): string;
  device(tensor: Handle): string;
  layout(tensor: Handle): string;
  isContiguous(tensor: Handle, memoryFormat?: string): boolean;
  version(tensor: Handle): number;
  isInference(tensor: Handle): boolean;
  dataPointer(tensor: Handle): bigint;
  item(tensor: Handle, bigint: boolean): unknown;
  setData(tensor: Handle, data: Handle): void;
  isSame(a: Handle, b: Handle): boolean;
  // storage.cc
  fromBytes(bytes: ArrayBufferView | ArrayBuffer, dtype: string, shape: number[]): Handle;
  toBytes(tensor: Handle): ArrayBuffer;
  copyFromBytes(tensor: Handle, bytes: ArrayBufferView | ArrayBuffer): void;
  storageId(tensor: Handle): number;
  storageByteLength(tensor: Handle): number;
  storageBytes(tensor: Handle): ArrayBuffer;
  storageView(owner: Handle, dtype: string, shape: number[], stride: number[], offset: number): Handle;
  // handover.cc
  openPassage(): number;
  closePassage(passage: number): void;
  giveTensors(passage: number, tensors: Handle[]): number;
  takeTensors(passage: number, ticket: number, count: number): Handle[];
  dropTensors(passage: number, ticket: number, count: number): void;
  tensorsUnderWay(): number;
  hasWorkerEnded(passage: number): boolean;
  enterWorker(passage: number): void;
  // mappedFile.cc
  mapFile(descriptor: number, length: number): Handle;
  storageSlice(owner: Handle, offset: number, length: number): Handle;
  // checksum.cc
  crc32(bytes: Uint8Array, crc: number): number;
  // storageFile.cc
  readPart(owner: Handle, start: number, length: number, descriptor: number, position: number): number;
  readPartLater(owner: Handle, start: number, length: number, descriptor: number, position: number): Promise<number>;
  writePart(owner: Handle, start: number, length: number, descriptor: number, position: number): number;
  writePartLater(owner: Handle, start: number, length: number, descriptor: number, position: number): Promise<number>;
  // image/
  decodeJpeg?(bytes: Uint8Array, maxPixels: number): Promise<Handle | null>;
  readJpeg?(path: string, maxPixels: number): Promise<Handle | null>;
  resamplePixels(image: Handle, height: number, width: number, isBicubic: boolean): Handle;
  mirrorPixels(image: Handle): Handle;
  mapPixels(image: Handle, tables: Handle): Handle;
  // autograd.cc
  backward(
    tensors: unknown[],
    gradients: unknown[] | null,
    retain: boolean | null,
    create: boolean,
    inputs: unknown[] | null,
  ): void;
  backwardOne(loss: Handle): void;
  gradOf(
    outputs: unknown[],
    inputs: unknown[],
    gradients: unknown[] | null,
    retain: boolean | null,
    create: boolean,
    allowUnused: boolean,
  ): (Handle | null)[];
  getGrad(tensor: Handle): Handle | null;
  setGrad(tensor: Handle, gradient: Handle | null): void;
  zeroGrad(tensors: unknown[], setToNone: boolean): void;
  requiresGrad(tensor: Handle): boolean;
  setRequiresGrad(tensor: Handle, flag: boolean): void;
  isLeaf(tensor: Handle): boolean;
  gradFnName(tensor: Handle): string | null;
  setGradEnabled(flag: boolean): boolean;
  isGradEnabled(): boolean;
  enterInferenceMode(flag: boolean): void;
  exitInferenceMode(): void;
  isInferenceModeEnabled(): boolean;
  // autogradHooks.cc
  recordFunction(
    name: string,
    inputs: unknown[],
    outputs: unknown[],
    saved: unknown[],
    backward: (gradients: (Handle | null)[], saved: (Handle | null)[]) => unknown[],
  ): Handle[];
  registerHook(tensor: Handle, hook: (gradient: Handle) => Handle | null): number;
  removeHook(tensor: Handle, hook: number): void;
  retainGrad(tensor: Handle): void;
  retainsGrad(tensor: Handle): boolean;
  outputNumber(tensor: Handle): number;
  // anomaly.cc
  setAnomalyMode(enabled: boolean, checkNan: boolean, captureStack: (() => string) | null): [boolean, boolean];
  anomalyMode(): 'off' | 'on' | 'checkNan';
  takeAnomaly(ofJs: boolean): [node: string, forwardStack: string] | null;
  // checkpoint.cc
  enterCheckpoint(inputs: unknown[], recompute: (inputs: Handle[]) => void): void;
  leaveCheckpoint(): void;
  // autocast.cc
  enterAutocast(device: string, dtype: string, enabled: boolean, cacheEnabled: boolean): void;
  exitAutocast(): void;
  isAutocastEnabled(device: string): boolean;
  autocastDtype(device: string): string;
  isAutocastCacheEnabled(): boolean;
  clearAutocastCache(): void;
  unscaleGradients(gradients: unknown[], inverseScale: Handle, foundInf: Handle): void;
  updateScale(
    scale: Handle,
    growthTracker: Handle,
    foundInf: Handle,
    growthFactor: number,
    backoffFactor: number,
    growthInterval: number,
  ): void;
  // random.cc
  createGenerator(device: string): GeneratorHandle;
  defaultGenerator(device: string): GeneratorHandle;
  generatorSetSeed(generator: GeneratorHandle, seed: bigint): void;
  generatorSeed(generator: GeneratorHandle): bigint;
  generatorState(generator: GeneratorHandle): Handle;
  generatorSetState(generator: GeneratorHandle, state: Handle): void;
  manualSeed(seed: bigint): void;
  // runtime.cc
  listDevices(): string[];
  libtorchVersion(): string;
  showConfig(): string;
  setNumThreads(n: number): void;
  getNumThreads(): number;
  setDeterministicAlgorithms(enabled: boolean, warnOnly: boolean): void;
  setCudnnBenchmark(enabled: boolean): void;
  getCudnnBenchmark(): boolean;
  setDefaultDtype(name: string): void;
  getDefaultDtype(): string;
  dispose(tensor: Handle): void;
  // warnings.cc
  watchWarnings(tell: (message: string) => void): void;
  setErrorFactory(factory: (code: TorchErrorCode, message: string, operator: string) => Error): void;
  // backends.cc
  hasBackend(name: string): boolean;
  backendSwitch(name: string): boolean;
  setBackendSwitch(name: string, flag: boolean): void;
  matmulPrecision(): string;
  setMatmulPrecision(name: string): void;
  setFlushDenormal(flag: boolean): boolean;
  // stepPlan.cc
  createStepPlan(columns: unknown[][]): StepPlan;
  stepPlanColumn(plan: StepPlan, column: number): (Handle | null)[];
  // optim.cc, optimAdaptive.cc, optimMoments.cc, optimPlain.cc, optimMatrix.cc
  adamStep: OptimizerStep;
  rmspropStep: OptimizerStep;
  adagradStep: OptimizerStep;
  adadeltaStep: OptimizerStep;
  adamaxStep: OptimizerStep;
  nadamStep: OptimizerStep;
  radamStep: OptimizerStep;
  sparseAdamStep: OptimizerStep;
  asgdStep: OptimizerStep;
  rpropStep: OptimizerStep;
  adafactorStep: OptimizerStep;
  muonStep: OptimizerStep;
  sgdStep(plan: StepPlan, settings: Float64Array, fused: boolean): boolean;
  // jit/scriptModule.cc, jit/scriptFile.cc, jit/trace.cc
  scriptParts(module: ScriptHandle): ScriptParts;
  scriptCall(module: ScriptHandle, method: string, positional: unknown[], named: object | null): unknown;
  scriptAttribute(module: ScriptHandle, name: string): unknown;
  scriptSetAttribute(module: ScriptHandle, name: string, value: unknown): void;
  scriptText(module: ScriptHandle, method: string, form: 'code' | 'graph' | 'inlinedGraph'): string;
  scriptClone(module: ScriptHandle): ScriptHandle;
  scriptFreeze(module: ScriptHandle, kept: readonly string[], optimizeNumerics: boolean): ScriptHandle;
  scriptOptimize(module: ScriptHandle, otherMethods: readonly string[]): ScriptHandle;
  scriptLoad(file: string | Uint8Array, device: string | null): ScriptHandle;
  scriptSave(module: ScriptHandle, extraFiles: [string, Uint8Array][]): ArrayBuffer;
  scriptModule(name: string, relative: ScriptHandle | null): ScriptHandle;
  scriptRegister(
    module: ScriptHandle,
    kind: 'parameter' | 'buffer' | 'module',
    name: string,
    part: Handle | ScriptHandle,
  ): void;
  scriptTrace(
    module: ScriptHandle,
    method: string,
    inputs: unknown[],
    names: string[],
    run: (tensors: Handle[]) => unknown,
    strict: boolean,
  ): void;
  scriptEnter(scope: string): void;
  scriptLeave(): void;
  isTracing(): boolean;
  // profiler/profiler.cc
  profilerStart(recordShapes: boolean, stack: (() => string) | null): void;
  profilerStop(): ProfilerRecords;
  profilerEnter(name: string): number;
  profilerExit(range: number): void;
  // distributed/store.cc; all of distributed/ but distributedBackends is absent where libtorch has no c10d
  storeTcp(
    host: string,
    port: number,
    worldSize: number,
    isMaster: boolean,
    timeout: number,
  ): Promise<[StoreHandle, number]>;
  storeFile(path: string, worldSize: number): StoreHandle;
  storeHash(): StoreHandle;
  storePrefix(prefix: string, store: StoreHandle): StoreHandle;
  storeClose(store: StoreHandle): void;
  storeSet: StoreOperation<[key: string, value: Uint8Array], void>;
  storeTryGet: StoreOperation<[key: string], Uint8Array | null>;
  storeAdd: StoreOperation<[key: string, amount: number], number>;
  storeCheck: StoreOperation<[keys: string[]], boolean>;
  storeDeleteKey: StoreOperation<[key: string], boolean>;
  storeCompareSet: StoreOperation<[key: string, expected: Uint8Array, desired: Uint8Array], Uint8Array>;
  storeNumKeys: StoreOperation<[], number>;
  storeWait(store: StoreHandle, keys: string[], timeout: number): boolean;
  // distributed/processGroup.cc
  distributedBackends(): string[] | null;
  groupCreate(
    store: StoreHandle,
    backend: string,
    name: string,
    rank: number,
    size: number,
    timeout: number,
    networkInterface: string,
    towards: string,
  ): Promise<GroupHandle>;
  groupDestroy(group: GroupHandle): boolean;
  // distributed/collectives.cc; the last argument is a time limit, 0 for the group's
  groupAllReduce(group: GroupHandle, tensor: Handle, op: number, timeout: number): WorkHandle;
  groupAllReduceCoalesced(group: GroupHandle, tensors: unknown[], op: number, timeout: number): WorkHandle;
  groupBroadcast(group: GroupHandle, tensor: Handle, root: number, timeout: number): WorkHandle;
  groupReduce(group: GroupHandle, tensor: Handle, root: number, op: number, timeout: number): WorkHandle;
  groupAllGather(group: GroupHandle, outputs: unknown[], input: Handle, timeout: number): WorkHandle;
  groupAllGatherIntoTensor(group: GroupHandle, output: Handle, input: Handle, timeout: number): WorkHandle;
  groupGather(group: GroupHandle, outputs: unknown[] | null, input: Handle, root: number, timeout: number): WorkHandle;
  groupScatter(group: GroupHandle, output: Handle, inputs: unknown[] | null, root: number, timeout: number): WorkHandle;
  groupReduceScatter(group: GroupHandle, output: Handle, inputs: unknown[], op: number, timeout: number): WorkHandle;
  groupReduceScatterTensor(group: GroupHandle, output: Handle, input: Handle, op: number, timeout: number): WorkHandle;
  groupAllToAllSingle(
    group: GroupHandle,
    output: Handle,
    input: Handle,
    outputSplits: number[],
    inputSplits: number[],
    timeout: number,
  ): WorkHandle;
  groupAllToAll(group: GroupHandle, outputs: unknown[], inputs: unknown[], timeout: number): WorkHandle;
  groupBarrier(group: GroupHandle, timeout: number): WorkHandle;
  groupSend(group: GroupHandle, tensor: Handle, destination: number, tag: number, timeout: number): WorkHandle;
  groupRecv(group: GroupHandle, tensor: Handle, source: number, tag: number, timeout: number): WorkHandle;
  groupBroadcastCoalesced(group: GroupHandle, tensors: unknown[], bufferBytes: number, root: number): void;
  workWait(work: WorkHandle): void;
  workIsCompleted(work: WorkHandle): boolean;
  workSourceRank(work: WorkHandle): number;
  workPromise(work: WorkHandle): Promise<void>;
  // distributed/reducer.cc
  reducerCreate(
    group: GroupHandle,
    parameters: unknown[],
    expectSparse: boolean[],
    names: string[],
    bucketBytes: number,
    firstBucketBytes: number,
    findUnused: boolean,
    bucketView: boolean,
    staticGraph: boolean,
  ): ReducerHandle;
  reducerBeforeForward(reducer: ReducerHandle): boolean;
  reducerAfterForward(reducer: ReducerHandle, outputs: unknown[] | null): string | null;
  reducerSink(reducer: ReducerHandle, outputs: unknown[], delay: boolean): Handle[];
  reducerCompress(reducer: ReducerHandle, dtype: string): void;
  reducerHook(
    reducer: ReducerHandle,
    start: (
      index: number,
      isLast: boolean,
      buffer: Handle,
      gradients: Handle[],
      parameters: Handle[],
    ) => WorkHandle | null,
    finish: (index: number) => Handle,
  ): void;
  reducerDispose(reducer: ReducerHandle): void;
  // distributed/monitor.cc
  monitorStart(
    store: StoreHandle,
    failureKey: string,
    lifePrefix: string,
    rank: number,
    size: number,
    interval: number,
    lostAfter: number,
    lostReport: string,
    unreachableReport: string,
  ): MonitorHandle;
  monitorStop(monitor: MonitorHandle): void;
  interruptCollectives(reason: string): void;
  resumeCollectives(): void;
}

const addonPath = '../build/lightning_torch.node';

function open(): Native {
  // Idle OpenMP threads sleep instead of spinning: on a shared or small machine spinning slows everything else down.
  process.env.OMP_WAIT_POLICY ??= 'PASSIVE';
  const require = createRequire(import.meta.url);
  try {
    return require(addonPath) as Native;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    throw new TorchError(
      'ADDON_MISSING',
      existsSync(new URL(addonPath, import.meta.url))
        ? `The native addon is there but cannot be loaded: ${cause}. Was libtorch moved or upgraded? Run: npm run build:addon`
        : 'The native addon is not built. Run: npm run setup (it installs libtorch where it may, and compiles the addon)',
      { cause: error },
    );
  }
}

/** Makes an error of what the addon reports; `context` is what the error names besides its message. */
export type ErrorMaker = (code: TorchErrorCode, message: string, context: string) => Error;

/** Who makes the errors whose codes begin so (up to the first underscore), where it is not a plain `TorchError`. */
export const errorMakers = new Map<string, ErrorMaker>();

/** Set by the addon when this thread has allocated much; memory.ts says what follows. */
export const pressure = new Int32Array(1);

function load(): void {
  const addon = open();
  addon.setErrorFactory((code, message, operator) => {
    const maker = errorMakers.get(code.slice(0, code.indexOf('_')));
    if (maker !== undefined) return maker(code, message, operator);
    const text = operator === '' || message.startsWith(operator) ? message : `${operator}: ${message}`;
    const anomaly = addon.takeAnomaly(false);
    if (anomaly !== null) return new AnomalyError(/returned nan/.test(message) ? 'ANOMALY' : code, text, ...anomaly);
    return new TorchError(code, text, operator === '' ? {} : { operator });
  });
  addon.loadOperators(operatorNames);
  addon.watchPressure(pressure);
  addon.watchWarnings((message) => warn('ENGINE', message));
  // Configurable, so that operatorObserver.ts can stand between while somebody watches.
  for (const [name, value] of Object.entries(addon)) Object.defineProperty(native, name, { value, configurable: true });
}

/**
 * The addon. It is opened by the first call, not by the import: loading libtorch takes most of a second, which a
 * program that only builds a Trainer or prints its options need not wait for. Afterwards the functions are the
 * object's own, and a call costs what it costs on a plain object.
 */
export const native: Native = Object.create(
  new Proxy(
    {},
    {
      get(_, name) {
        load();
        return Object.getOwnPropertyDescriptor(native, name)?.value;
      },
    },
  ),
);
