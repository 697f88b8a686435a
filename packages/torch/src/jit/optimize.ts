import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { ScriptModule } from './scriptModule.js';

export interface FreezeOptions {
  /** Attributes and methods to keep besides `forward`; default none. */
  preservedAttrs?: readonly string[];
  /** Also rewrites that change results within rounding, such as folding batch normalisation into convolutions; default true. */
  optimizeNumerics?: boolean;
}

/**
 * A copy of a module in evaluation mode whose parameters and attributes are constants of the program, with what can be
 * computed beforehand computed. It has no parameters any more, so it cannot be trained or moved.
 */
export function freeze<Inputs extends unknown[], Output>(
  module: ScriptModule<Inputs, Output>,
  options: FreezeOptions = {},
): ScriptModule<Inputs, Output> {
  requireEval(module, 'freeze');
  return new ScriptModule(
    native.scriptFreeze(module.script, options.preservedAttrs ?? [], options.optimizeNumerics ?? true),
  );
}

export interface OptimizeOptions {
  /** Methods to optimise besides `forward`; default none. */
  otherMethods?: readonly string[];
}

/**
 * Freezes a module and rewrites it for fast inference on this machine: convolutions fused with what follows them,
 * weights in the layouts the kernels like. Save what you froze rather than this, whose program is bound to the machine.
 */
export function optimizeForInference<Inputs extends unknown[], Output>(
  module: ScriptModule<Inputs, Output>,
  options: OptimizeOptions = {},
): ScriptModule<Inputs, Output> {
  requireEval(module, 'optimizeForInference');
  return new ScriptModule(native.scriptOptimize(module.script, options.otherMethods ?? []));
}

function requireEval(module: ScriptModule<never[], unknown>, what: string): void {
  if (!module.attributes.has('training') || !module.training) return;
  throw new TorchError(
    'MODULE_STATE',
    `${what} needs a module in evaluation mode. Call eval() first, and trace in that mode.`,
  );
}
