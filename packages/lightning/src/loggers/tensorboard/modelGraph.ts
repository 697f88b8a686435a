import { noGrad, observeOperators, Tensor } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import type { AttributeMessage, GraphMessage, NodeMessage, ShapeMessage } from './eventMessages.js';

/** A node while the graph is gathered. */
interface Node {
  readonly name: string;
  readonly op: string;
  readonly input: string[];
  readonly attr: Record<string, AttributeMessage>;
}

/**
 * The graph of a model: its operators, grouped by the modules that call them, with the tensors that pass between. The model
 * runs once on `inputs`, in evaluation mode and without gradients, and what it calls is written down.
 *
 * @param inputs the arguments of `forward`
 */
export function modelGraph(model: Module, inputs: readonly unknown[]): GraphMessage {
  const root = model.constructor.name;
  const nodes: Node[] = [];
  const sources = new Map<unknown, string>();
  const taken = new Map<string, number>();
  const unique = (name: string): string => {
    const count = taken.get(name) ?? 0;
    taken.set(name, count + 1);
    return count === 0 ? name : `${name}_${count}`;
  };
  const add = (name: string, op: string, input: string[], tensor: Tensor | null): string => {
    const node: Node = { name: unique(name), op, input, attr: {} };
    if (tensor !== null) {
      node.attr._output_shapes = { list: { shape: [shapeOf(tensor)] } };
      node.attr.dtype = { s: Buffer.from(tensor.dtype) };
    }
    nodes.push(node);
    return node.name;
  };

  for (const [index, input] of inputs.entries()) {
    for (const tensor of tensorsIn(input)) sources.set(tensor.handle, add(`input/${index}`, 'IO Node', [], tensor));
  }
  const parameters = new Map<unknown, [name: string, tensor: Tensor, op: string]>();
  for (const [name, tensor] of model.namedParameters()) parameters.set(tensor.handle, [name, tensor, 'Parameter']);
  for (const [name, tensor] of model.namedBuffers()) parameters.set(tensor.handle, [name, tensor, 'Buffer']);
  const sourceOf = (tensor: Tensor): string[] => {
    const known = sources.get(tensor.handle);
    if (known !== undefined) return [known];
    const parameter = parameters.get(tensor.handle);
    if (parameter === undefined) return []; // made by hand: a constant
    const [name, value, op] = parameter;
    const source = add(`${root}/${name.replaceAll('.', '/')}`, op, [], value);
    sources.set(tensor.handle, source);
    return [source];
  };

  const path: string[] = [root];
  const handles = model
    .namedModules()
    .slice(1)
    .flatMap(([name, module]) => [
      module.registerForwardPreHook(() => {
        path.push(`${root}/${name.replaceAll('.', '/')}`);
      }),
      module.registerForwardHook(() => {
        path.pop();
      }),
    ]);
  const modes = model.modules().map((module) => [module, module.training] as const);
  let output: unknown;
  try {
    model.eval();
    output = observeOperators(
      (call) => {
        const input = tensorsIn(call.inputs).flatMap(sourceOf);
        const results = tensorsIn(call.output);
        const name = call.operator.replace(/^aten::/, '');
        const node = add(`${path.at(-1)}/${name}`, call.operator, [...new Set(input)], results[0] ?? null);
        for (const [index, result] of results.entries()) {
          sources.set(result.handle, index === 0 ? node : `${node}:${index}`);
        }
      },
      () => noGrad(() => (model.forward as (...given: unknown[]) => unknown)(...inputs)),
    );
  } finally {
    for (const [module, mode] of modes) module.training = mode;
    for (const handle of handles) handle.remove();
  }
  for (const [index, tensor] of tensorsIn(output).entries()) {
    add(`output/${index}`, 'IO Node', sourceOf(tensor), tensor);
  }
  return { node: nodes satisfies NodeMessage[], versions: { producer: 22 } };
}

/** Every tensor in a value, also inside arrays and objects. */
function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (Array.isArray(value)) return value.flatMap(tensorsIn);
  if (typeof value !== 'object' || value === null || Object.getPrototypeOf(value) !== Object.prototype) return [];
  return Object.values(value).flatMap(tensorsIn);
}

function shapeOf(tensor: Tensor): ShapeMessage {
  return { dim: tensor.shape.map((size) => ({ size })) };
}
