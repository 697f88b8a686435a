import { TorchError } from '../errors.js';
import { Parameter } from '../parameter.js';
import type { Tensor } from '../tensor.js';
import { Module } from './module.js';

const typeNames: Partial<Record<string, string>> = {
  float32: 'Float',
  float64: 'Double',
  float16: 'Half',
  bfloat16: 'BFloat16',
  int64: 'Long',
  int32: 'Int',
  int16: 'Short',
  int8: 'Char',
  uint8: 'Byte',
  bool: 'Bool',
};

function lineOf(key: string, tensor: Tensor, type: string): string {
  const place = tensor.device.type === 'cpu' ? '' : ` (GPU ${tensor.device.index})`;
  return `  (${key}): Parameter containing: [${type} of size ${tensor.shape.join('x')}${place}]`;
}

/** `torch.FloatTensor`, `torch.cuda.FloatTensor` */
function typeOf(tensor: Tensor): string {
  const module = tensor.device.type === 'cpu' ? 'torch' : `torch.${tensor.device.type}`;
  return `${module}.${typeNames[tensor.dtype] ?? 'Complex'}Tensor`;
}

const asParameter = (tensor: Tensor): Parameter => (tensor instanceof Parameter ? tensor : new Parameter(tensor));

/** Parameters in a list; tensors become parameters. It has no forward of its own. */
export class ParameterList extends Module {
  private readonly items: Parameter[];
  constructor(parameters: Iterable<Tensor> = []) {
    super();
    this.items = [...parameters].map(asParameter);
  }
  protected override entries(): [string, unknown][] {
    return this.items.map((parameter, i) => [String(i), parameter]);
  }
  override forward(): never {
    throw new TorchError('MODULE_STATE', 'a ParameterList has no forward; use the parameters in it');
  }
  get length(): number {
    return this.items.length;
  }
  /** The i-th parameter; negative counts from the end. */
  at(index: number): Parameter {
    const parameter = this.items.at(index);
    if (parameter === undefined)
      throw new TorchError(
        'INDEX_OUT_OF_RANGE',
        `ParameterList has ${this.items.length} parameters, there is no ${index}`,
      );
    return parameter;
  }
  append(parameter: Tensor): this {
    this.items.push(asParameter(parameter));
    return this;
  }
  extend(parameters: Iterable<Tensor>): this {
    for (const parameter of parameters) this.append(parameter);
    return this;
  }
  [Symbol.iterator](): Iterator<Parameter> {
    return this.items[Symbol.iterator]();
  }
  override extraRepr(): string {
    return this.items.map((parameter, i) => lineOf(String(i), parameter, `torch.${parameter.dtype}`)).join('\n');
  }
}

/** Parameters by name, in insertion order; tensors become parameters. The names are the state keys, as they are. */
export class ParameterDict extends Module {
  private readonly items: Map<string, Parameter>;
  constructor(parameters: Record<string, Tensor> | Iterable<[string, Tensor]> = {}) {
    super();
    const given =
      Symbol.iterator in parameters ? [...(parameters as Iterable<[string, Tensor]>)] : Object.entries(parameters);
    this.items = new Map(given.map(([name, tensor]) => [name, asParameter(tensor)]));
  }
  protected override entries(): [string, unknown][] {
    return [...this.items];
  }
  override forward(): never {
    throw new TorchError('MODULE_STATE', 'a ParameterDict has no forward; use the parameters in it');
  }
  get size(): number {
    return this.items.size;
  }
  get(name: string): Parameter {
    const parameter = this.items.get(name);
    if (parameter === undefined)
      throw new TorchError(
        'MODULE_STATE',
        `ParameterDict has no '${name}'; it has ${[...this.items.keys()].join(', ') || 'nothing'}`,
      );
    return parameter;
  }
  has(name: string): boolean {
    return this.items.has(name);
  }
  set(name: string, parameter: Tensor): this {
    this.items.set(name, asParameter(parameter));
    return this;
  }
  delete(name: string): boolean {
    return this.items.delete(name);
  }
  keys(): IterableIterator<string> {
    return this.items.keys();
  }
  [Symbol.iterator](): Iterator<[string, Parameter]> {
    return this.items[Symbol.iterator]();
  }
  override extraRepr(): string {
    return [...this.items].map(([name, parameter]) => lineOf(name, parameter, typeOf(parameter))).join('\n');
  }
}
