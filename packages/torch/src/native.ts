import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { TorchError, type TorchErrorCode } from './errors.js';
import { operatorNames } from './generated/operatorNames.js';

/** A native tensor: a reference that the garbage collector frees together with what it points to. */
export type Handle = { readonly handle: unique symbol };
/** The tensors of one parameter group, gathered once for many steps. */
export type StepPlan = { readonly plan: unique symbol };
/** A step over one parameter group; the settings are numbers in the step's own order. */
export type OptimizerStep = (plan: StepPlan, settings: Float64Array, fused: boolean) => void;
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
  setDefaultDtype(name: string): void;
  getDefaultDtype(): string;
  dispose(tensor: Handle): void;
  setErrorFactory(factory: (code: TorchErrorCode, message: string, operator: string) => Error): void;
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
    return new TorchError(code, text, operator === '' ? {} : { operator });
  });
  addon.loadOperators(operatorNames);
  addon.watchPressure(pressure);
  for (const [name, value] of Object.entries(addon)) Object.defineProperty(native, name, { value });
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
