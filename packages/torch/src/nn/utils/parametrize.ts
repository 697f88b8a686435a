import { noGrad } from '../../autograd.js';
import { TorchError } from '../../errors.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { ModuleDict } from '../containers.js';
import { Module } from '../module.js';
import { stateKeyOf } from '../stateKey.js';
import { fieldsOf, tensorIn } from './computedFields.js';

/** A module that makes a parameter out of what is trained; with `rightInverse` it can be given a value. */
export type Parametrization = Module & {
  forward(...originals: Tensor[]): Tensor;
  rightInverse?(value: Tensor): Tensor | Tensor[];
};

let cacheDepth = 0;
const cache = new Map<ParametrizationList, Tensor>();

/** Computes each parametrized tensor once while `fn` runs, for models that read one many times (recurrent cells). */
export function cached<T>(fn: () => T): T {
  cacheDepth++;
  try {
    return fn();
  } finally {
    if (--cacheDepth === 0) cache.clear();
  }
}

/** What is trained in place of one tensor (`original`, or `original0`, `original1`, …), and the modules that make the tensor of it. */
export class ParametrizationList extends Module {
  private readonly originals: [key: string, tensor: Tensor][] = [];
  private readonly steps: Parametrization[];

  constructor(steps: Parametrization[], value: Tensor) {
    super();
    this.steps = steps;
    const inverse = noGrad(() => this.inverseOf(value.detach(), false));
    const isParameter = value instanceof Parameter;
    const put = (key: string, made: Tensor, own: Tensor | null) => {
      // The parameter itself stays, so that optimizers that know it go on.
      if (own !== null) own.data = made;
      const tensor = own ?? (isParameter ? new Parameter(made, { requiresGrad: value.requiresGrad }) : made);
      this.originals.push([key, tensor]);
      if (!isParameter) this.registerBuffer(key, tensor);
    };
    if (!Array.isArray(inverse)) put('original', inverse, value);
    else for (const [i, made] of inverse.entries()) put(`original${i}`, made, null);
  }

  private inverseOf(value: Tensor, isRequired: boolean): Tensor | Tensor[] {
    let made: Tensor | Tensor[] = value;
    for (const step of [...this.steps].reverse()) {
      if (step.rightInverse === undefined) {
        if (isRequired)
          throw new TorchError(
            'MODULE_STATE',
            `${step.constructor.name} has no rightInverse, so the parameter cannot be given a value`,
          );
        return made;
      }
      if (Array.isArray(made))
        throw new TorchError('MODULE_STATE', 'only the first parametrization may be made of several tensors');
      made = step.rightInverse(made);
    }
    return made;
  }

  protected override entries(): [string, unknown][] {
    const parameters = this.originals.filter(([, tensor]) => tensor instanceof Parameter);
    return [...parameters, ...this.steps.map((step, i): [string, unknown] => [String(i), step])];
  }

  append(step: Parametrization): void {
    this.steps.push(step);
  }
  /** The tensors that are trained. */
  get sources(): Tensor[] {
    // Buffers may be replaced when the module moves.
    return this.originals.map(([key, tensor]) => (tensor instanceof Parameter ? tensor : tensorIn(this, key)));
  }
  get length(): number {
    return this.steps.length;
  }

  /** Makes the sources such that the tensor becomes `value`. */
  assign(value: Tensor): void {
    noGrad(() => {
      const inverse = this.inverseOf(value.detach(), true);
      const made = Array.isArray(inverse) ? inverse : [inverse];
      this.sources.forEach((source, i) => {
        source.copy_(made[i]!);
      });
    });
  }

  override forward(): Tensor {
    const known = cacheDepth > 0 ? cache.get(this) : undefined;
    if (known !== undefined) return known;
    const [first, ...rest] = this.steps;
    let tensor = first!.forward(...this.sources);
    for (const step of rest) tensor = step.forward(tensor);
    if (cacheDepth > 0) cache.set(this, tensor);
    return tensor;
  }
}

interface Parametrized {
  parametrizations?: ModuleDict<ParametrizationList>;
}

const listOf = (module: Module, name: string): ParametrizationList | undefined => {
  const dict = (module as Parametrized).parametrizations;
  const key = stateKeyOf(name);
  return dict?.has(key) ? dict.get(key) : undefined;
};

/** The field is computed when it is read; not enumerable, so that the walk over fields does not read it. */
function defineField(module: Module, name: string): void {
  Object.defineProperty(module, name, {
    configurable: true,
    enumerable: false,
    get(this: Module): Tensor {
      return listOf(this, name)!.forward();
    },
    set(this: Module, value: Tensor) {
      listOf(this, name)!.assign(value);
    },
  });
}

/** The module's class becomes one of its own, `ParametrizedLinear` for example, as it prints in Python. */
function giveClass(module: Module): void {
  const prototype = Object.getPrototypeOf(module) as { constructor: { name: string } };
  const own = Object.create(prototype) as object;
  const kind = class {};
  Object.defineProperty(kind, 'name', { value: `Parametrized${prototype.constructor.name}` });
  Object.setPrototypeOf(kind, prototype.constructor);
  Object.defineProperty(own, 'constructor', { value: kind, configurable: true });
  Object.setPrototypeOf(module, own);
}

/**
 * Computes the parameter (or buffer) `name` through `parametrization` from now on. What is trained sits at
 * `parametrizations.<name>.original`. A second one is applied to the result of the first.
 *
 * The shape and dtype must stay, unless `unsafe` is true.
 */
export function registerParametrization<M extends Module>(
  module: M,
  name: string,
  parametrization: Parametrization,
  options: { unsafe?: boolean } = {},
): M {
  const value = tensorIn(module, name);
  const existing = listOf(module, name);
  const check = (after: Tensor) => {
    if (!options.unsafe && (String(after.shape) !== String(value.shape) || after.dtype !== value.dtype))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `${parametrization.constructor.name} makes ${after.dtype} [${after.shape.join(', ')}] of '${name}', which is ${value.dtype} [${value.shape.join(', ')}]; pass unsafe: true to allow that`,
      );
  };
  if (existing !== undefined) {
    check(noGrad(() => parametrization.forward(value)));
    parametrization.train(module.training);
    existing.append(parametrization);
    return module;
  }
  const before = value.detach().clone();
  const list = new ParametrizationList([parametrization], value);
  list.train(module.training);
  try {
    check(noGrad(() => list.forward()));
  } catch (error) {
    value.data = before;
    throw error;
  }
  const holder = module as Parametrized;
  if (holder.parametrizations === undefined) {
    giveClass(module);
    holder.parametrizations = new ModuleDict<ParametrizationList>().train(module.training);
  }
  delete fieldsOf(module)[name];
  holder.parametrizations.set(stateKeyOf(name), list);
  defineField(module, name);
  return module;
}

/** Whether the module (or its field `name`) has parametrizations. */
export function isParametrized(module: Module, name?: string): boolean {
  if (name !== undefined) return listOf(module, name) !== undefined;
  return ((module as Parametrized).parametrizations?.size ?? 0) > 0;
}

/** Makes the field a plain one again: with its present value, or with `leaveParametrized: false` with what was trained. */
export function removeParametrizations<M extends Module>(
  module: M,
  name: string,
  options: { leaveParametrized?: boolean } = {},
): M {
  const list = listOf(module, name);
  if (list === undefined)
    throw new TorchError('MODULE_STATE', `'${name}' of ${module.constructor.name} is not parametrized`);
  const { leaveParametrized = true } = options;
  const { sources } = list;
  if (!leaveParametrized && sources.length > 1)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `'${name}' is made of several tensors; only leaveParametrized: true is possible`,
    );
  const source = sources[0]!;
  const isParameter = source instanceof Parameter;
  const value = noGrad(() => list.forward());
  const holder = module as Parametrized;
  holder.parametrizations!.delete(stateKeyOf(name));
  Reflect.deleteProperty(module, name);
  let tensor: Tensor = source;
  if (sources.length > 1) tensor = isParameter ? new Parameter(value) : value;
  else if (leaveParametrized) tensor.data = value;
  if (isParameter) module.registerParameter(name, tensor as Parameter);
  else module.registerBuffer(name, tensor);
  if (holder.parametrizations!.size === 0) {
    delete holder.parametrizations;
    Object.setPrototypeOf(module, Object.getPrototypeOf(Object.getPrototypeOf(module)) as object);
  }
  return module;
}
