import { type Parameter, warn } from '@lightning-ts/torch';
import { BatchNorm1d, type Module } from '@lightning-ts/torch/nn';
import type { Optimizer } from '@lightning-ts/torch/optim';

/** One module, or several, nested in arrays and records. */
export type Modules = Module | Iterable<Modules> | { readonly [name: string]: Modules };

/** What all batch normalisations extend, the synchronised one too. */
const BatchNormBase = Object.getPrototypeOf(BatchNorm1d) as abstract new (
  ...options: never[]
) => Module & {
  trackRunningStats: boolean;
};

/** All modules that have no children or parameters of their own. */
export function flattenModules(modules: Modules): Module[] {
  if (isModule(modules)) {
    return modules.modules().filter((module) => module.children().length === 0 || module.parameters(false).length > 0);
  }
  const parts = Symbol.iterator in modules ? [...(modules as Iterable<Modules>)] : Object.values(modules);
  return parts.flatMap((part) => flattenModules(part));
}

/**
 * The parameters of modules that take gradients, or that do not.
 *
 * @param options `trainBn`: also those of batch normalisations, default true; `requiresGrad`: which ones, default true
 */
export function filterParams(
  modules: Modules,
  options: { readonly trainBn?: boolean; readonly requiresGrad?: boolean } = {},
): Parameter[] {
  const { requiresGrad = true, trainBn = true } = options;
  return flattenModules(modules)
    .filter((module) => trainBn || !(module instanceof BatchNormBase))
    .flatMap((module) => module.parameters(false))
    .filter((parameter) => parameter.requiresGrad === requiresGrad);
}

/** Lets all parameters take gradients. */
export function makeTrainable(modules: Modules): void {
  for (const module of flattenModules(modules)) setTrainable(module, true);
}

/** Lets no parameter take gradients, batch normalisation included. */
export function freezeModules(modules: Modules, options: { readonly trainBn?: boolean } = {}): void {
  const { trainBn = true } = options;
  for (const module of flattenModules(modules)) setTrainable(module, trainBn && module instanceof BatchNormBase);
}

/**
 * Lets modules train from now on, in a group of their own.
 *
 * @param options `lr`: default that of the first group divided by `initialDenomLr` (10); `trainBn`: also batch normalisations,
 *   default true
 */
export function unfreezeAndAddParamGroup(
  modules: Modules,
  optimizer: Optimizer,
  options: { readonly lr?: number | null; readonly initialDenomLr?: number; readonly trainBn?: boolean } = {},
): void {
  const { initialDenomLr = 10, lr = null, trainBn = true } = options;
  const waiting = filterParams(modules, { trainBn, requiresGrad: false });
  makeTrainable(modules);
  const rate = lr ?? optimizer.paramGroups[0]!.lr / initialDenomLr;
  const taken = new Set(optimizer.paramGroups.flatMap(({ params }) => params));
  const params = filterParams(modules, { trainBn }).filter((parameter) => !taken.has(parameter));
  // Batch normalisations may have trained all along.
  const early = waiting.filter((parameter) => taken.has(parameter)).length;
  if (early > 0) {
    warn(
      'FINETUNING_DUPLICATES',
      `${early} of the parameters to be trained from now on are in the optimizer already, and stay in their group. Give the optimizer only ` +
        'what takes gradients: this.parameters().filter((p) => p.requiresGrad).',
    );
  }
  if (params.length > 0) optimizer.addParamGroup({ params, lr: rate });
}

/** The batch normalisations, by name, whose statistics stay as they are. */
export function frozenStatistics(module: Module): string[] {
  return batchNorms(module)
    .filter(([, norm]) => !norm.trackRunningStats)
    .map(([name]) => name);
}

/** Freezes the statistics of these batch normalisations, and of no others. */
export function freezeStatistics(module: Module, names: readonly string[]): void {
  for (const [name, norm] of batchNorms(module)) norm.trackRunningStats = !names.includes(name);
}

function batchNorms(module: Module) {
  return module
    .namedModules()
    .flatMap(([name, part]) => (part instanceof BatchNormBase ? [[name, part] as const] : []));
}

function setTrainable(module: Module, isTrainable: boolean): void {
  if (module instanceof BatchNormBase) module.trackRunningStats = isTrainable;
  for (const parameter of module.parameters(false)) parameter.requiresGrad = isTrainable;
}

function isModule(value: Modules): value is Module {
  return typeof (value as Partial<Module>).namedModules === 'function';
}
