import { block } from './modeBlock.js';
import { native } from './native.js';
import { Tensor } from './tensor.js';

const gradMode = (flag: boolean) => () => {
  const previous = native.setGradEnabled(flag);
  return () => {
    native.setGradEnabled(previous);
  };
};

/** Runs `fn` without recording operations for backward. */
export const noGrad = <T>(fn: () => T): T => block('noGrad', gradMode(false), fn);
/** Runs `fn` with recording on, inside a `noGrad` block for example. */
export const enableGrad = <T>(fn: () => T): T => block('enableGrad', gradMode(true), fn);
/** Turns recording on or off for this thread; returns what it was. Prefer the block forms. */
export const setGradEnabled = (flag: boolean): boolean => native.setGradEnabled(flag);
export const isGradEnabled = (): boolean => native.isGradEnabled();

/** Like `noGrad`, faster, and its tensors can never take part in autograd. */
export const inferenceMode = <T>(fn: () => T, enabled = true): T =>
  block(
    'inferenceMode',
    () => {
      native.enterInferenceMode(enabled);
      return () => native.exitInferenceMode();
    },
    fn,
  );
export const isInferenceModeEnabled = (): boolean => native.isInferenceModeEnabled();

export interface GradOptions {
  /** The gradients of the outputs; ones for scalars when left out. */
  gradOutputs?: (Tensor | null)[];
  /** Keep the graph for another backward; default: the value of `createGraph`. */
  retainGraph?: boolean;
  /** Record the backward itself, for higher derivatives; default false. */
  createGraph?: boolean;
  /** Null instead of an error for inputs that the outputs do not depend on; default false. */
  allowUnused?: boolean;
}

/** The gradients of `outputs` with respect to `inputs`, one for each input; `.grad` fields are left alone. */
export function grad(
  outputs: Tensor | Tensor[],
  inputs: Tensor | Tensor[],
  options: GradOptions = {},
): (Tensor | null)[] {
  const list = (value: Tensor | Tensor[]) => (Array.isArray(value) ? value : [value]);
  const handles = native.gradOf(
    list(outputs),
    list(inputs),
    options.gradOutputs ?? null,
    options.retainGraph ?? null,
    options.createGraph ?? false,
    options.allowUnused ?? false,
  );
  return handles.map((handle) => (handle === null ? null : new Tensor(handle)));
}
