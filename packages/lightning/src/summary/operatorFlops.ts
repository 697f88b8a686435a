import { type OperatorCall, Tensor } from '@lightning-ts/torch';

/**
 * Floating-point operations of one call of an operator, a multiplication with its addition counted as two. Matrix products,
 * convolutions, attention and recurrent layers count; what costs a few operations for each element (activations, norms,
 * pooling, additions) does not, as is usual.
 */
export function operatorFlops({ inputs, operator, output }: OperatorCall): number {
  const count = counters[operator.replace(/^aten::/, '')];
  return count === undefined || !(firstTensor(output) instanceof Tensor) ? 0 : count(inputs, firstTensor(output)!);
}

type Counter = (inputs: readonly unknown[], output: Tensor) => number;

const product = (sizes: readonly number[]): number => sizes.reduce((result, size) => result * size, 1);
const shapeOf = (value: unknown): readonly number[] => (value instanceof Tensor ? value.shape : []);
const firstTensor = (value: unknown): Tensor | undefined =>
  (Array.isArray(value) ? value : [value]).find((item): item is Tensor => item instanceof Tensor);

/** Every element of the output is a sum over the last dimension of one input. */
const overLastOf =
  (index: number): Counter =>
  (inputs, output) =>
    2 * output.numel() * (shapeOf(inputs[index]).at(-1) ?? 0);

/** Every place of the output (of the input for transposed ones) meets every weight of its group. */
const convolution =
  (isTransposed: boolean): Counter =>
  ([input, weight], output) => {
    const filter = shapeOf(weight); // [out, in / groups, ...kernel], transposed [in, out / groups, ...kernel]
    const kernelDims = filter.length - 2;
    const places = isTransposed ? shapeOf(input) : output.shape;
    const batch = places.length > kernelDims + 1 ? places[0]! : 1;
    return 2 * batch * product(places.slice(places.length - kernelDims)) * product(filter);
  };

/** Every weight matrix is met once for each step of each sequence. */
const recurrent: Counter = (inputs) => {
  const [input, second] = inputs;
  const size = shapeOf(input);
  const isPacked = second instanceof Tensor && second.dim() === 1 && size.length === 2 && Array.isArray(inputs[3]);
  const steps = size.length === 3 || isPacked ? product(size.slice(0, -1)) : (size[0] ?? 0);
  const weights = inputs
    .slice(2)
    .find((value) => Array.isArray(value) && value.some((item) => shapeOf(item).length === 2));
  return 2 * steps * sumOfMatrices(Array.isArray(weights) ? weights : []);
};

const recurrentCell: Counter = (inputs) => {
  const batch = shapeOf(inputs[0]).length === 2 ? shapeOf(inputs[0])[0]! : 1;
  return 2 * batch * sumOfMatrices([inputs[2], inputs[3]]);
};

function sumOfMatrices(values: readonly unknown[]): number {
  return values.reduce<number>((sum, value) => sum + (shapeOf(value).length === 2 ? product(shapeOf(value)) : 0), 0);
}

/** Queries with keys, weights with values. */
const attention: Counter = ([query, key, value]) => {
  const [targets, width] = shapeOf(query).slice(-2) as [number, number];
  const sources = shapeOf(key).at(-2)!;
  return 2 * product(shapeOf(query).slice(0, -2)) * targets * sources * (width + shapeOf(value).at(-1)!);
};

/** One multiplication and addition for each combination of all indices, for each tensor after the first. */
const einsum: Counter = ([equation, tensors]) => {
  if (typeof equation !== 'string' || !Array.isArray(tensors)) return 0;
  const sizes = new Map<string, number>();
  for (const [index, letters] of equation.replaceAll(' ', '').split('->')[0]!.split(',').entries()) {
    const shape = shapeOf(tensors[index]);
    const [before, after] = letters.split('...') as [string, string?];
    const spread = shape.length - before.length - (after ?? '').length;
    const names = [
      ...before,
      ...Array.from({ length: after === undefined ? 0 : spread }, (_, at) => `.${spread - at}`),
      ...(after ?? ''),
    ];
    for (const [at, name] of names.entries()) sizes.set(name, Math.max(sizes.get(name) ?? 1, shape[at] ?? 1));
  }
  return 2 * product([...sizes.values()]) * Math.max(0, tensors.length - 1);
};

const counters: Readonly<Record<string, Counter>> = {
  linear: overLastOf(0),
  mm: overLastOf(0),
  bmm: overLastOf(0),
  matmul: overLastOf(0),
  linalg_matmul: overLastOf(0),
  inner: overLastOf(0),
  mv: overLastOf(0),
  dot: overLastOf(0),
  vdot: overLastOf(0),
  addmm: overLastOf(1),
  addmm_: overLastOf(1),
  addmv: overLastOf(1),
  addmv_: overLastOf(1),
  baddbmm: overLastOf(1),
  baddbmm_: overLastOf(1),
  // Also summed over the batch.
  addbmm: (inputs, output) => 2 * output.numel() * (shapeOf(inputs[1])[0] ?? 0) * (shapeOf(inputs[1]).at(-1) ?? 0),
  bilinear: ([first, second], output) =>
    2 * output.numel() * (shapeOf(first).at(-1) ?? 0) * (shapeOf(second).at(-1) ?? 0),
  einsum,
  conv1d: convolution(false),
  conv2d: convolution(false),
  conv3d: convolution(false),
  convolution: (inputs, output) => convolution(inputs[6] === true)(inputs, output),
  _convolution: (inputs, output) => convolution(inputs[6] === true)(inputs, output),
  _convolution_mode: convolution(false),
  conv_transpose1d: convolution(true),
  conv_transpose2d: convolution(true),
  conv_transpose3d: convolution(true),
  lstm: recurrent,
  gru: recurrent,
  rnn_tanh: recurrent,
  rnn_relu: recurrent,
  lstm_cell: recurrentCell,
  gru_cell: recurrentCell,
  rnn_tanh_cell: recurrentCell,
  rnn_relu_cell: recurrentCell,
  _scaled_dot_product_attention: attention,
  _scaled_dot_product_attention_math: attention,
};
