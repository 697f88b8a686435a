import { TorchError } from '../errors.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

/** A module from one tensor to one tensor. */
export type UnaryModule = Module & { forward(input: Tensor): Tensor };

/** Autograd keeps what it needs by itself, so an activation between two such layers has no other owner. */
const keepsNoTensors = (module: Module): boolean =>
  Object.hasOwn(module.constructor, 'keepsNoTensors') && !Object.hasOwn(module, 'forward');

/** Runs modules one after the other. Takes them as arguments, or with names: `new Sequential({ conv, relu })`. */
export class Sequential extends Module {
  private readonly steps: [key: string, module: UnaryModule][];

  constructor(...modules: UnaryModule[]);
  constructor(named: Record<string, UnaryModule>);
  constructor(...modules: UnaryModule[] | [Record<string, UnaryModule>]) {
    super();
    const [first] = modules;
    this.steps =
      modules.length === 1 && first !== undefined && !(first instanceof Module)
        ? Object.entries(first)
        : (modules as UnaryModule[]).map((module, i) => [String(i), module]);
    for (const [key, module] of this.steps)
      if (!(module instanceof Module))
        throw new TorchError(
          'MODULE_STATE',
          `Sequential takes modules; '${key}' is ${module === null ? 'null' : typeof module}`,
        );
  }

  protected override entries(): [string, unknown][] {
    return this.steps;
  }

  override forward(input: Tensor): Tensor {
    let output = input;
    let mayFree = false; // what `output` is was made inside, by a layer that has not kept it
    for (const [, module] of this.steps) {
      const previous = output;
      output = module.forward(previous);
      const isPlain = keepsNoTensors(module);
      if (mayFree && isPlain && output !== previous) previous.dispose();
      mayFree = isPlain && (output !== previous || mayFree) && output !== input;
    }
    return output;
  }

  get length(): number {
    return this.steps.length;
  }
  /** The i-th module; negative counts from the end. */
  at(index: number): UnaryModule {
    const step = this.steps.at(index);
    if (step === undefined)
      throw new TorchError('INDEX_OUT_OF_RANGE', `Sequential has ${this.steps.length} modules, there is no ${index}`);
    return step[1];
  }
  append(module: UnaryModule): this {
    this.steps.push([String(this.steps.length), module]);
    return this;
  }
  *[Symbol.iterator](): Iterator<UnaryModule> {
    for (const [, module] of this.steps) yield module;
  }
}

/** Modules in a list; it has no forward of its own. */
export class ModuleList<M extends Module = Module> extends Module {
  private readonly items: M[];
  constructor(modules: Iterable<M> = []) {
    super();
    this.items = [...modules];
  }
  protected override entries(): [string, unknown][] {
    return this.items.map((module, i) => [String(i), module]);
  }
  override forward(): never {
    throw new TorchError('MODULE_STATE', 'a ModuleList has no forward; call the modules in it');
  }
  get length(): number {
    return this.items.length;
  }
  at(index: number): M {
    const module = this.items.at(index);
    if (module === undefined)
      throw new TorchError('INDEX_OUT_OF_RANGE', `ModuleList has ${this.items.length} modules, there is no ${index}`);
    return module;
  }
  append(module: M): this {
    this.items.push(module);
    return this;
  }
  extend(modules: Iterable<M>): this {
    this.items.push(...modules);
    return this;
  }
  [Symbol.iterator](): Iterator<M> {
    return this.items[Symbol.iterator]();
  }
}

/** Modules by name, in insertion order; it has no forward of its own. The names are the state keys, as they are. */
export class ModuleDict<M extends Module = Module> extends Module {
  private readonly items: Map<string, M>;
  constructor(modules: Record<string, M> | Iterable<[string, M]> = {}) {
    super();
    this.items = new Map(Symbol.iterator in modules ? modules : Object.entries(modules));
  }
  protected override entries(): [string, unknown][] {
    return [...this.items];
  }
  override forward(): never {
    throw new TorchError('MODULE_STATE', 'a ModuleDict has no forward; call the modules in it');
  }
  get size(): number {
    return this.items.size;
  }
  get(name: string): M {
    const module = this.items.get(name);
    if (module === undefined)
      throw new TorchError(
        'MODULE_STATE',
        `ModuleDict has no '${name}'; it has ${[...this.items.keys()].join(', ') || 'nothing'}`,
      );
    return module;
  }
  has(name: string): boolean {
    return this.items.has(name);
  }
  set(name: string, module: M): this {
    this.items.set(name, module);
    return this;
  }
  delete(name: string): boolean {
    return this.items.delete(name);
  }
  keys(): IterableIterator<string> {
    return this.items.keys();
  }
  [Symbol.iterator](): Iterator<[string, M]> {
    return this.items[Symbol.iterator]();
  }
}
