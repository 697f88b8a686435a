import { noGrad } from '../autograd.js';
import { TorchError } from '../errors.js';
import { relievePressure } from '../memory.js';
import { native, pressure, type ScriptHandle } from '../native.js';
import { Module } from '../nn/module.js';
import { Parameter } from '../parameter.js';
import { Tensor } from '../tensor.js';
import { fromEngine, type ScriptValue } from './scriptValues.js';

/** The parts of a ScriptModule, under the names its program knows them by. */
export interface ScriptModuleParts {
  parameters: Map<string, Parameter>;
  buffers: Map<string, Tensor>;
  children: Map<string, Module>;
}

/**
 * A TorchScript program with its parameters: what `trace`, `load`, `freeze` and `optimizeForInference` return.
 *
 * It is a module like any other. Its parameters train and move, its state dict has Python's keys, it may be a child of
 * other modules. What it computes is fixed: a traced program also keeps the mode (training or evaluation) it was traced
 * in, while a scripted one asks for its mode when it runs. Its parts cannot be replaced or added to; load a state dict
 * instead.
 *
 * The type arguments say what `forward` takes and gives: `load<[Tensor], Tensor>('model.pt')`.
 */
export class ScriptModule<Inputs extends unknown[] = ScriptValue[], Output = unknown> extends Module {
  /** The name of the class the program was made from. */
  readonly originalName: string;
  /** The methods that can be called, with their signatures. */
  readonly methods: ReadonlyMap<string, string>;
  /** Attributes that are neither tensors nor modules, with their types. */
  readonly attributes: ReadonlyMap<string, string>;
  private readonly parts: ScriptModuleParts;

  constructor(
    /** For this package only. */
    readonly script: ScriptHandle,
    parts?: ScriptModuleParts,
  ) {
    super();
    const found = native.scriptParts(script);
    this.originalName = found.name;
    this.methods = new Map(found.methods);
    this.attributes = new Map(found.attributes);
    this.parts = parts ?? readParts(script, found, []);
    if (this.attributes.get('training') !== 'bool') return;
    Object.defineProperty(this, 'training', {
      get: () => native.scriptAttribute(script, 'training'),
      set: (mode: boolean) => native.scriptSetAttribute(script, 'training', mode),
      enumerable: true,
      configurable: true,
    });
  }

  /**
   * Runs the program. Arguments are checked against its signature; trailing ones that have defaults may be left out.
   *
   * @throws TorchError `SCRIPT_ARGUMENTS`, `SCRIPT_RAISED`, and what operators throw
   */
  override forward(...inputs: Inputs): Output {
    return this.call('forward', inputs) as Output;
  }

  /** Runs an exported method; `named` gives arguments by their Python names. */
  call(method: string, inputs: readonly unknown[] = [], named: Record<string, unknown> | null = null): unknown {
    const result = native.scriptCall(this.script, method, inputs as unknown[], named);
    if (pressure[0] !== 0) relievePressure();
    return fromEngine(result);
  }

  /** The value of an attribute that is neither tensor nor module. */
  attribute(name: string): unknown {
    if (!this.attributes.has(name))
      throw new TorchError(
        'SCRIPT_ARGUMENTS',
        `${this.originalName} has no attribute '${name}'; it has ${[...this.attributes.keys()].join(', ') || 'none'}`,
      );
    return fromEngine(native.scriptAttribute(this.script, name));
  }

  /** The program of `forward` as Python-like text. */
  get code(): string {
    return this.codeOf('forward');
  }
  /** The program of `forward` as the engine's graph; calls of submodules stay calls. */
  get graph(): string {
    return native.scriptText(this.script, 'forward', 'graph');
  }
  /** `graph` with all calls replaced by what they call. */
  get inlinedGraph(): string {
    return native.scriptText(this.script, 'forward', 'inlinedGraph');
  }
  codeOf(method: string): string {
    return native.scriptText(this.script, method, 'code');
  }

  // ---- the parts, which are not fields

  protected override entries(): [string, unknown][] {
    const { parameters, buffers, children } = this.parts;
    return [...parameters, ...buffers, ...children];
  }
  protected override ownBuffers(): [key: string, field: string, buffer: Tensor, persistent: boolean][] {
    return [...this.parts.buffers].map(([name, buffer]) => [name, name, buffer, true]);
  }
  protected override assignBuffer(name: string, tensor: Tensor): void {
    native.scriptSetAttribute(this.script, name, tensor);
    this.parts.buffers.set(name, tensor);
  }
  override registerBuffer(name: string): never {
    throw partsAreFixed(name);
  }
  override registerParameter(name: string): never {
    throw partsAreFixed(name);
  }

  /** A copy with parameters and buffers of its own. */
  override clone(): this {
    const script = noGrad(() => native.scriptClone(this.script));
    const copy = new ScriptModule(script);
    const originals = new Map(this.namedParameters());
    for (const [path, parameter] of copy.namedParameters())
      parameter.requiresGrad = originals.get(path)?.requiresGrad ?? false;
    return copy as this;
  }

  override extraRepr(): string {
    return `original_name=${this.originalName}`;
  }
}

/**
 * The parts as our objects. A parameter takes the place of the tensor it was made from, so that program and optimizer
 * mean one tensor; one that has several names stays one.
 */
function readParts(
  script: ScriptHandle,
  found: ReturnType<typeof native.scriptParts>,
  known: [Tensor, Parameter][],
): ScriptModuleParts {
  const parameters = new Map<string, Parameter>();
  for (const [name, handle] of found.parameters) {
    const tensor = new Tensor(handle);
    let parameter = known.find(([original]) => original.isSame(tensor))?.[1];
    if (parameter === undefined) {
      parameter = new Parameter(tensor, { requiresGrad: tensor.requiresGrad });
      known.push([tensor, parameter]);
    }
    native.scriptSetAttribute(script, name, parameter);
    parameters.set(name, parameter);
  }
  const children = found.children.map(([name, child]): [string, Module] => [
    name,
    new ScriptModule(child, readParts(child, native.scriptParts(child), known)),
  ]);
  return {
    parameters,
    buffers: new Map(found.buffers.map(([name, handle]) => [name, new Tensor(handle)])),
    children: new Map(children),
  };
}

const partsAreFixed = (name: string): TorchError =>
  new TorchError(
    'MODULE_STATE',
    `a ScriptModule's parts are fixed, so '${name}' cannot be added. Put the ScriptModule into a module of your own and add it there.`,
  );
