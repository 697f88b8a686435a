import { getDefaultDType } from './creation.js';
import { invokeN } from './dispatch.js';
import { isComplex } from './dtype.js';
import { operatorId } from './operatorId.js';
import type { Complex } from './scalar.js';
import type { NestedArray, Tensor } from './tensor.js';

const printOptions = { precision: 4, threshold: 1000, edgeItems: 3, lineWidth: 80 };

/** How tensors print, as `torch.set_printoptions`: digits, elements before summarising, items kept at each edge, columns. */
export function setPrintOptions(options: Partial<typeof printOptions>): void {
  Object.assign(printOptions, options);
}

const nonFinite = (value: number): string => (Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf');

/**
 * Cut `exact` after `keep` characters if what is cut off is exactly one half and the last digit kept is even: Python
 * rounds halves to even, JavaScript away from zero. 25 digits more than wanted show every half of a double.
 */
function halfToEven(exact: string, keep: number): string | null {
  const kept = exact.slice(0, keep).replace(/\.$/, '');
  return /^\.?50*$/.test(exact.slice(keep)) && /[02468]$/.test(kept) ? kept : null;
}

function fixed(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  const exact = size.toFixed(digits + 25);
  return sign + (halfToEven(exact, exact.indexOf('.') + 1 + digits) ?? size.toFixed(digits));
}

/** Python writes at least two digits of exponent. */
function scientific(value: number, digits: number): string {
  if (!Number.isFinite(value)) return nonFinite(value);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  const size = Math.abs(value);
  const [mantissa = '', exponent = ''] = size.toExponential(digits + 25).split('e');
  const even = halfToEven(mantissa, 2 + digits);
  const text = even === null ? size.toExponential(digits) : `${even}e${exponent}`;
  return sign + text.replace(/e([+-])(\d)$/, 'e$10$2');
}

interface Formatter {
  width: number;
  format(value: NestedArray): string;
}

/** One format for all elements of a floating point tensor, so that columns line up. */
function floatFormatter(values: number[]): Formatter {
  const digits = printOptions.precision;
  // As in Python, neither zeros nor what is not finite has a say in the width.
  const counted = values.filter((value) => Number.isFinite(value) && value !== 0);
  const magnitudes = counted.map(Math.abs);
  let render: (value: number) => string;
  if (magnitudes.length === 0) {
    render = (value) => (Number.isFinite(value) ? `${fixed(value, 0)}.` : nonFinite(value));
  } else {
    const largest = magnitudes.reduce((a, b) => Math.max(a, b));
    const smallest = magnitudes.reduce((a, b) => Math.min(a, b));
    const isWide = largest / smallest > 1000 || largest > 1e8;
    if (magnitudes.every(Number.isInteger)) {
      render = isWide
        ? (value) => scientific(value, digits)
        : (value) => (Number.isFinite(value) ? `${fixed(value, 0)}.` : nonFinite(value));
    } else {
      render = isWide || smallest < 1e-4 ? (value) => scientific(value, digits) : (value) => fixed(value, digits);
    }
  }
  const width = counted.reduce((max, value) => Math.max(max, render(value).length), 1);
  return { width, format: (value) => render(value as number).padStart(width) };
}

function plainFormatter(values: NestedArray[]): Formatter {
  const render = (value: NestedArray) => (typeof value === 'boolean' ? (value ? 'True' : 'False') : String(value));
  const width = values.reduce<number>((max, value) => Math.max(max, render(value).length), 1);
  return { width, format: (value) => render(value).padStart(width) };
}

function complexFormatter(values: Complex[]): Formatter {
  const real = floatFormatter(values.map((value) => value.re));
  const imaginary = floatFormatter(values.map((value) => value.im));
  return {
    width: real.width + imaginary.width + 1,
    format: (value) => {
      const { re, im } = value as Complex;
      const tail = `${imaginary.format(im).trimStart()}j`;
      return real.format(re) + (tail.startsWith('-') || tail.startsWith('+') ? tail : `+${tail}`);
    },
  };
}

/** Only the elements that will be shown. */
function summarised(tensor: Tensor): Tensor {
  const edge = printOptions.edgeItems;
  let result = tensor;
  for (let dim = 0; dim < tensor.dim(); dim++) {
    const size = result.size(dim);
    if (size > 2 * edge) {
      const head = result.slice(dim, 0, edge);
      const tail = result.slice(dim, size - edge, size);
      result = concatenate([head, tail], dim);
    }
  }
  return result;
}

function concatenate(tensors: [Tensor, Tensor], dim: number): Tensor {
  const [first, second] = tensors;
  const shape = first.shape;
  shape[dim] = shape[dim]! + second.size(dim);
  const out = first.newEmpty(shape);
  out.slice(dim, 0, first.size(dim)).copy_(first);
  out.slice(dim, first.size(dim), shape[dim]!).copy_(second);
  return out;
}

function render(
  values: NestedArray,
  shape: number[],
  depth: number,
  formatter: Formatter,
  indent: number,
  cut: boolean,
): string {
  const edge = printOptions.edgeItems;
  if (depth === shape.length) return formatter.format(values);
  const list = values as NestedArray[];
  // With `cut`, `values` holds the edges only, while `shape` is the true one.
  const isCut = cut && shape[depth]! > 2 * edge;
  const at = (from: number, to: number) => list.slice(from, to);
  if (depth === shape.length - 1) {
    const perLine = Math.max(1, Math.floor((printOptions.lineWidth - indent) / (formatter.width + 2)));
    const items = isCut
      ? [...at(0, edge).map((v) => formatter.format(v)), ' ...', ...at(edge, 2 * edge).map((v) => formatter.format(v))]
      : list.map((v) => formatter.format(v));
    const lines: string[] = [];
    for (let i = 0; i < items.length; i += perLine) lines.push(items.slice(i, i + perLine).join(', '));
    return `[${lines.join(`,\n${' '.repeat(indent + 1)}`)}]`;
  }
  const inner = (value: NestedArray) => render(value, shape, depth + 1, formatter, indent + 1, cut);
  const rows = isCut ? [...at(0, edge).map(inner), '...', ...at(edge, 2 * edge).map(inner)] : list.map(inner);
  return `[${rows.join(`,${'\n'.repeat(shape.length - depth - 1)}${' '.repeat(indent + 1)}`)}]`;
}

const flat = (values: NestedArray): NestedArray[] => (Array.isArray(values) ? values.flatMap(flat) : [values]);

/** The elements of a dense tensor between brackets; lines after the first are indented. */
function formatElements(tensor: Tensor, indent: number): string {
  if (tensor.numel() === 0) return '[]';
  const { dtype, shape } = tensor;
  const cut = tensor.numel() > printOptions.threshold;
  const values = (cut ? summarised(tensor) : tensor).tolist({ bigint: true });
  const all = flat(values);
  const formatter = isComplex(dtype)
    ? complexFormatter(all as Complex[])
    : dtype.includes('float')
      ? floatFormatter(all as number[])
      : plainFormatter(all);
  return render(values, shape, 0, formatter, indent, cut);
}

const sizeText = (shape: number[]): string => `(${shape.join(', ')}${shape.length === 1 ? ',' : ''})`;

const nnzId = operatorId('aten::_nnz');
const indicesId = operatorId('aten::_indices');
const valuesId = operatorId('aten::_values');

/** The parts of a sparse tensor, each as a tensor of its own. */
function formatParts(tensor: Tensor, indent: number): string {
  const part = (id: number) => invokeN(id, [tensor]) as Tensor;
  const parts: Record<string, Tensor> =
    tensor.layout === 'sparse_coo'
      ? { indices: part(indicesId), values: part(valuesId) }
      : { crow_indices: tensor.crowIndices(), col_indices: tensor.colIndices(), values: tensor.values() };
  return Object.entries(parts)
    .map(([name, value]) => {
      const start = `${name}=tensor(`;
      const size = value.numel() === 0 ? `, size=${sizeText(value.shape)}` : '';
      return `${start}${formatElements(value.detach(), indent + start.length)}${size})`;
    })
    .join(`,\n${' '.repeat(indent)}`);
}

/** A tensor as PyTorch prints it. */
export function formatTensor(tensor: Tensor): string {
  const prefix = 'tensor(';
  const indent = prefix.length;
  const { dtype, shape, layout } = tensor;
  const suffixes: string[] = [];
  if (tensor.device.type !== 'cpu') suffixes.push(`device='${tensor.device}'`);
  const isDefault = dtype === getDefaultDType() || dtype === 'int64' || dtype === 'bool' || dtype === 'complex64';
  const isSparse = layout !== 'strided';
  const isEmpty = !isSparse && tensor.numel() === 0;
  if (isSparse) suffixes.push(`size=${sizeText(shape)}`, `nnz=${String(invokeN(nnzId, [tensor]))}`);
  else if (isEmpty && shape.length !== 1) suffixes.push(`size=${sizeText(shape)}`);
  if (isEmpty ? dtype !== getDefaultDType() : !isDefault) suffixes.push(`dtype=torch.${dtype}`);
  const detached = tensor.detach();
  const body = isSparse ? formatParts(detached, indent) : formatElements(detached, indent);
  if (isSparse) suffixes.push(`layout=torch.${layout}`);
  const gradFn = tensor.gradFn;
  if (gradFn !== null) suffixes.push(`grad_fn=<${gradFn.replace(/^.*::/, '')}>`);
  else if (tensor.requiresGrad) suffixes.push('requires_grad=True');

  let text = prefix + body;
  let lastLine = text.length - text.lastIndexOf('\n') + 1;
  let breaks = layout === 'sparse_coo';
  for (const suffix of suffixes) {
    if (breaks || lastLine + suffix.length + 2 > printOptions.lineWidth) {
      text += `,\n${' '.repeat(indent)}${suffix}`;
      lastLine = indent + suffix.length;
      breaks = false;
    } else {
      text += `, ${suffix}`;
      lastLine += suffix.length + 2;
    }
  }
  return `${text})`;
}
