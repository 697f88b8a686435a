import { noGrad } from '../autograd.js';
import type { DeviceLike } from '../device.js';
import { type DType, isDType } from '../dtype.js';
import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { Parameter } from '../parameter.js';
import { OrderedDict } from '../serialize/pythonValues.js';
import { Tensor, type ToOptions } from '../tensor.js';
import type { FullBackwardHook } from './backwardHooks.js';
import { copyModule } from './deepCopy.js';
import { type ForwardHook, ForwardHooks, type ForwardPreHook, type HookHandle } from './forwardHooks.js';
import { stateKeyOf } from './stateKey.js';

/** Tensors by Python's keys, in Python's order. */
export type StateDict = Map<string, Tensor>;

export interface LoadResult {
  missingKeys: string[];
  unexpectedKeys: string[];
}

type ForwardInput<M extends Module> = M extends { forward(...inputs: infer I extends unknown[]): unknown } ? I : never;
type ForwardOutput<M extends Module> = M extends { forward(...inputs: never[]): infer O } ? O : never;

const list = (title: string, keys: string[]) => (keys.length > 0 ? [`  ${title}: ${keys.join(', ')}`] : []);

/**
 * The base of all layers and models, as `torch.nn.Module`.
 *
 * Parameters, buffers and submodules are plain fields: whatever field holds a `Parameter` or `Module` when somebody
 * asks is part of the module, in the order of the fields. Buffers are declared with `registerBuffer`. The module is
 * called by `forward`; hooks registered on an instance wrap that instance's `forward`.
 */
export abstract class Module {
  /** Training or evaluation: dropout and batch normalisation behave differently. Set by `train()` and `eval()`. */
  training = true;

  declare private bufferPersistence: Map<string, boolean> | undefined;
  declare private forwardHooks: ForwardHooks | undefined;

  /**
   * Set on layers of this package whose forward keeps no tensor: a container may then free what passes between two of
   * them at once instead of leaving it to the garbage collector. Counts for exactly this class, not for subclasses.
   */
  static readonly keepsNoTensors?: boolean;

  abstract forward(...inputs: never[]): unknown;

  // ---- what a module holds

  /** Own fields as [state key, value]; containers list their children here. */
  protected entries(): [key: string, value: unknown][] {
    const names = (this.constructor as { stateKeys?: Record<string, string> }).stateKeys;
    const found: [string, unknown][] = [];
    for (const field of Object.keys(this)) {
      const value = (this as Record<string, unknown>)[field];
      if (value instanceof Tensor || value instanceof Module) found.push([names?.[field] ?? stateKeyOf(field), value]);
    }
    return found;
  }

  /** What this module itself holds, children not entered; what is shared is listed under each of its keys. */
  ownParts(): { parameters: [string, Parameter][]; buffers: [string, Tensor][]; children: [string, Module][] } {
    return {
      parameters: this.ownParameters(),
      buffers: this.ownBuffers().map(([key, , buffer]) => [key, buffer]),
      children: this.entries().filter((entry): entry is [string, Module] => entry[1] instanceof Module),
    };
  }

  private ownParameters(): [string, Parameter][] {
    return this.entries().filter((entry): entry is [string, Parameter] => entry[1] instanceof Parameter);
  }

  /** Modules whose buffers are not in fields override this together with `assignBuffer`. */
  protected ownBuffers(): [key: string, field: string, buffer: Tensor, persistent: boolean][] {
    if (this.bufferPersistence === undefined) return [];
    const names = (this.constructor as { stateKeys?: Record<string, string> }).stateKeys;
    const found: [string, string, Tensor, boolean][] = [];
    for (const [field, persistent] of this.bufferPersistence) {
      const value = (this as Record<string, unknown>)[field];
      if (value instanceof Tensor) found.push([names?.[field] ?? stateKeyOf(field), field, value, persistent]);
    }
    return found;
  }

  protected assignBuffer(field: string, tensor: Tensor): void {
    (this as Record<string, unknown>)[field] = tensor;
  }

  /** The direct submodules with their keys; a module found under two fields is listed once. */
  namedChildren(): [string, Module][] {
    const seen = new Set<Module>();
    return this.entries().filter((entry): entry is [string, Module] => {
      if (!(entry[1] instanceof Module) || seen.has(entry[1])) return false;
      seen.add(entry[1]);
      return true;
    });
  }
  children(): Module[] {
    return this.namedChildren().map(([, child]) => child);
  }

  /** This module and all below it, with dotted paths; each once. */
  namedModules(prefix = '', seen = new Set<Module>()): [string, Module][] {
    if (seen.has(this)) return [];
    seen.add(this);
    const found: [string, Module][] = [[prefix, this]];
    for (const [key, child] of this.entries())
      if (child instanceof Module) found.push(...child.namedModules(prefix ? `${prefix}.${key}` : key, seen));
    return found;
  }
  modules(): Module[] {
    return this.namedModules().map(([, module]) => module);
  }

  /** Parameters with dotted paths; a shared parameter is listed once, under its first name. */
  namedParameters(prefix = '', recurse = true): [string, Parameter][] {
    const seen = new Set<Parameter>();
    const found: [string, Parameter][] = [];
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this] as const])
      for (const [key, parameter] of module.ownParameters()) {
        if (seen.has(parameter)) continue;
        seen.add(parameter);
        found.push([path ? `${path}.${key}` : key, parameter]);
      }
    return found;
  }
  parameters(recurse = true): Parameter[] {
    return this.namedParameters('', recurse).map(([, parameter]) => parameter);
  }

  namedBuffers(prefix = '', recurse = true): [string, Tensor][] {
    const seen = new Set<Tensor>();
    const found: [string, Tensor][] = [];
    for (const [path, module] of recurse ? this.namedModules(prefix) : [[prefix, this as Module] as const])
      for (const [key, , buffer] of module.ownBuffers()) {
        if (seen.has(buffer)) continue;
        seen.add(buffer);
        found.push([path ? `${path}.${key}` : key, buffer]);
      }
    return found;
  }
  buffers(recurse = true): Tensor[] {
    return this.namedBuffers('', recurse).map(([, buffer]) => buffer);
  }

  /** Declares the field `name` as a buffer: moved with the module, in the state dict when persistent, not trained. */
  registerBuffer(name: string, tensor: Tensor | null, options: { persistent?: boolean } = {}): void {
    if (this.bufferPersistence === undefined)
      Object.defineProperty(this, 'bufferPersistence', { value: new Map<string, boolean>(), configurable: true });
    this.bufferPersistence!.set(name, options.persistent ?? true);
    (this as Record<string, unknown>)[name] = tensor;
  }

  /** Makes the field `name` a parameter (or an absent one, with null). The same as assigning it. */
  registerParameter(name: string, parameter: Parameter | null): void {
    (this as Record<string, unknown>)[name] = parameter;
  }

  /** The module at a dotted path of state keys, `layer1.0.conv1`. */
  getSubmodule(path: string): Module {
    let module: Module = this;
    for (const key of path === '' ? [] : path.split('.')) {
      const child = module.namedChildren().find(([name]) => name === key)?.[1];
      if (child === undefined)
        throw new TorchError(
          'MODULE_STATE',
          `there is no submodule '${path}': ${module.constructor.name} has ${
            module
              .namedChildren()
              .map(([name]) => name)
              .join(', ') || 'no submodules'
          }`,
        );
      module = child;
    }
    return module;
  }
  getParameter(path: string): Parameter {
    const found = this.namedParameters().find(([name]) => name === path)?.[1];
    if (found === undefined)
      throw new TorchError('MODULE_STATE', `there is no parameter '${path}' in ${this.constructor.name}`);
    return found;
  }

  /** The buffer at a dotted path, `bn1.running_mean`. */
  getBuffer(path: string): Tensor {
    const found = this.namedBuffers().find(([name]) => name === path)?.[1];
    if (found === undefined)
      throw new TorchError('MODULE_STATE', `there is no buffer '${path}' in ${this.constructor.name}`);
    return found;
  }

  // ---- state

  /** Parameters and persistent buffers, detached but sharing memory: own parameters, own buffers, then each child. */
  stateDict(): StateDict {
    const state: StateDict = new OrderedDict<string, Tensor>();
    this.collectState(state, '');
    return state;
  }

  private collectState(state: StateDict, prefix: string): void {
    const put = (key: string, tensor: Tensor) => {
      if (state.has(prefix + key))
        throw new TorchError(
          'MODULE_STATE',
          `two fields of ${this.constructor.name} give the state key '${prefix + key}'. Rename one, or declare static stateKeys = { field: 'key' }.`,
        );
      state.set(prefix + key, tensor.detach());
    };
    for (const [key, parameter] of this.ownParameters()) put(key, parameter);
    for (const [key, , buffer, persistent] of this.ownBuffers()) if (persistent) put(key, buffer);
    for (const [key, child] of this.entries())
      if (child instanceof Module) child.collectState(state, `${prefix}${key}.`);
  }

  /**
   * Copies tensors into this module's parameters and persistent buffers.
   *
   * One `MODULE_STATE` error lists every missing, unexpected and misshapen key; with `strict: false` only shapes count.
   */
  loadStateDict(state: StateDict | Record<string, Tensor>, options: { strict?: boolean } = {}): LoadResult {
    const { strict = true } = options;
    const given = state instanceof Map ? state : new Map(Object.entries(state));
    for (const [path, module] of this.namedModules())
      module.prepareToLoad((key) => given.get(path ? `${path}.${key}` : key));
    const own = this.stateDict();
    const missingKeys = [...own.keys()].filter((key) => !given.has(key));
    const unexpectedKeys = [...given.keys()].filter((key) => !own.has(key));
    const misshapen: string[] = [];
    for (const [key, target] of own) {
      const value = given.get(key);
      if (value === undefined) continue;
      if (!(value instanceof Tensor)) misshapen.push(`${key} (expected a tensor, got ${typeof value})`);
      else if (String(value.shape) !== String(target.shape))
        misshapen.push(`${key} (expected [${target.shape.join(', ')}], got [${value.shape.join(', ')}])`);
    }
    if (misshapen.length > 0 || (strict && missingKeys.length + unexpectedKeys.length > 0))
      throw new TorchError(
        'MODULE_STATE',
        [
          `the state dict does not fit ${this.constructor.name}:`,
          ...(strict ? [...list('missing', missingKeys), ...list('unexpected', unexpectedKeys)] : []),
          ...list('wrong shape', misshapen),
        ].join('\n'),
      );
    noGrad(() => {
      for (const [key, target] of own) {
        const value = given.get(key);
        if (value !== undefined) target.copy_(value);
      }
    });
    return { missingKeys, unexpectedKeys };
  }

  /**
   * A copy with parameters, buffers and submodules of its own; what is shared within the module is shared within the
   * copy. Gradients are not copied, hooks are.
   */
  clone(): this {
    return copyModule(this, {
      isModule: (value) => value instanceof Module,
      ownCopy: (value) => (Reflect.get(value, 'clone') === Module.prototype.clone ? null : (value as Module).clone()),
      finish: (copy, original) => {
        const hooks = (original as Module).forwardHooks;
        if (hooks === undefined) return;
        Object.defineProperty(copy, 'forwardHooks', { value: new ForwardHooks(copy as Module), configurable: true });
        hooks.moveCopyOff(copy as Module, (copy as Module).forwardHooks!);
      },
    });
  }

  /** Called before tensors are loaded; modules whose shapes are not known yet take them from there. */
  protected prepareToLoad(_read: (key: string) => Tensor | undefined): void {}

  // ---- modes, devices, gradients

  train(mode = true): this {
    for (const module of this.modules()) module.training = mode;
    return this;
  }
  eval(): this {
    return this.train(false);
  }
  requiresGrad_(flag = true): this {
    for (const parameter of this.parameters()) parameter.requiresGrad = flag;
    return this;
  }
  /** Clears the gradients of all parameters. */
  zeroGrad(options: { setToNone?: boolean } = {}): void {
    native.zeroGrad(this.parameters(), options.setToNone ?? true);
  }

  /** Runs `fn` on every submodule and then on this one. */
  apply(fn: (module: Module) => void): this {
    for (const child of this.children()) child.apply(fn);
    fn(this);
    return this;
  }

  /** Moves parameters, gradients and buffers; a floating point dtype changes the floating point ones only. In place. */
  to(target: DType | DeviceLike | ToOptions): this {
    const wanted: ToOptions = isDType(target)
      ? { dtype: target }
      : typeof target === 'string' || 'type' in target
        ? { device: target as DeviceLike }
        : target;
    if (wanted.dtype !== undefined && !wanted.dtype.includes('float') && !wanted.dtype.startsWith('complex'))
      throw new TorchError(
        'DTYPE_MISMATCH',
        `a module can be moved to floating point dtypes only, got ${wanted.dtype}`,
      );
    const move = (tensor: Tensor): Tensor => {
      const { dtype, ...rest } = wanted;
      return tensor.to(dtype !== undefined && (tensor.isFloatingPoint() || tensor.isComplex()) ? wanted : rest);
    };
    noGrad(() => {
      for (const module of this.modules()) {
        for (const [, parameter] of module.ownParameters()) {
          const gradient = parameter.grad;
          parameter.data = move(parameter.data);
          if (gradient !== null) parameter.grad = move(gradient);
        }
        for (const [, field, buffer] of module.ownBuffers()) module.assignBuffer(field, move(buffer));
      }
    });
    return this;
  }
  cpu(): this {
    return this.to('cpu');
  }
  cuda(index?: number): this {
    return this.to(index === undefined ? 'cuda' : `cuda:${index}`);
  }
  float(): this {
    return this.to('float32');
  }
  double(): this {
    return this.to('float64');
  }
  half(): this {
    return this.to('float16');
  }
  bfloat16(): this {
    return this.to('bfloat16');
  }

  // ---- hooks

  /** Calls `hook(module, inputs, output)` after each forward of this instance; what it returns (not undefined) replaces the output. */
  registerForwardHook<M extends Module>(this: M, hook: ForwardHook<M, ForwardInput<M>, ForwardOutput<M>>): HookHandle {
    return this.hooksOfForward().add('after', hook as ForwardHook);
  }
  /** Calls `hook(module, inputs)` before each forward of this instance; an array it returns replaces the inputs. */
  registerForwardPreHook<M extends Module>(this: M, hook: ForwardPreHook<M, ForwardInput<M>>): HookHandle {
    return this.hooksOfForward().add('before', hook as ForwardPreHook);
  }
  /**
   * Calls `hook(module, gradInputs, gradOutputs)` each time gradients with respect to the inputs of a forward of this
   * instance are computed; an array it returns replaces them. Inputs and outputs that are neither tensors nor arrays of
   * tensors (for the outputs) are passed by. In-place operations on what goes in or comes out are not allowed then.
   */
  registerFullBackwardHook<M extends Module>(this: M, hook: FullBackwardHook<M>): HookHandle {
    return this.hooksOfForward().add('backward', hook as FullBackwardHook);
  }
  private hooksOfForward(): ForwardHooks {
    if (this.forwardHooks === undefined)
      Object.defineProperty(this, 'forwardHooks', { value: new ForwardHooks(this), configurable: true });
    return this.forwardHooks!;
  }

  // ---- printing

  /** The part between the parentheses when the module prints itself. */
  extraRepr(): string {
    return '';
  }
  toString(): string {
    const extra = this.extraRepr();
    const children = this.entries()
      .filter(([, value]) => value instanceof Module)
      .map(([key, child]) => `  (${key}): ${String(child).replaceAll('\n', '\n  ')}`);
    if (children.length === 0 && !extra.includes('\n')) return `${this.constructor.name}(${extra})`;
    return [
      `${this.constructor.name}(`,
      ...(extra ? [`  ${extra.replaceAll('\n', '\n  ')}`] : []),
      ...children,
      ')',
    ].join('\n');
  }
  [Symbol.for('nodejs.util.inspect.custom')](): string {
    return this.toString();
  }
}
