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
  // storageRead.cc
  readStorage(owner: Handle, descriptor: number, position: number): number;
  readStorageLater(owner: Handle, descriptor: number, position: number): Promise<number>;
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

/** Set by the addon when this thread has allocated much; memory.ts says what follows. */
export const pressure = new Int32Array(1);

function load(): void {
  const addon = open();
  addon.setErrorFactory((code, message, operator) => {
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
