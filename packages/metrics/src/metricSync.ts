import { cat, type DType, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import type { MetricStates } from './metric.js';

/** The processes that gather a metric together. */
export interface MetricSync {
  /** How many processes there are. */
  readonly worldSize: number;
  /** Every process's tensor, in the order of their ranks. All give tensors of one shape and dtype, in the same order of calls. */
  allGather(tensor: Tensor): Tensor[];
}

interface RankStates {
  readonly states: MetricStates;
  readonly updates: number;
}

/** The place in this list stands for the dtype in what is sent. */
const dtypes: readonly DType[] = [
  'float32',
  'float64',
  'int64',
  'int32',
  'int16',
  'int8',
  'uint8',
  'bool',
  'float16',
  'bfloat16',
  'complex64',
  'complex128',
];

/** What every backend can send. */
const carriers: Partial<Record<DType, DType>> = {
  bool: 'uint8',
  float16: 'float32',
  bfloat16: 'float32',
  int16: 'int32',
};
const carrierOf = (dtype: DType): DType => carriers[dtype] ?? dtype;

/**
 * The states of every process, in the order of their ranks. Lists may be of any length and their tensors of any shape: the
 * shapes go ahead, then all numbers of one dtype go together, filled up to the longest.
 */
export function gatherStates(sync: MetricSync, states: MetricStates, updates: number): RankStates[] {
  const header = [updates];
  const parts = new Map<DType, Tensor[]>();
  for (const value of states.values()) {
    const tensors = Array.isArray(value) ? value : [value];
    header.push(tensors.length);
    for (const one of tensors) {
      header.push(dtypes.indexOf(one.dtype), one.dim(), ...one.shape);
      const carrier = carrierOf(one.dtype);
      parts.set(carrier, [...(parts.get(carrier) ?? []), one.to(carrier).flatten()]);
    }
  }
  const { device } = [...states.values()].flat()[0] ?? tensor(0);
  const headers = gatherUneven(sync, tensor(header, { dtype: 'int64', device })).map((one) => one.tolist() as number[]);
  const readers = headers.map((numbers) => new HeaderReader(numbers, states));
  const data = new Map<DType, Tensor[]>();
  for (const dtype of dtypes) {
    const sizes = readers.map((reader) => reader.sizes.get(dtype) ?? 0);
    const longest = Math.max(...sizes);
    if (longest === 0) continue;
    const mine = parts.get(dtype) ?? [];
    const fill = zeros([longest - mine.reduce((sum, one) => sum + one.numel(), 0)], { dtype, device });
    const sent = sync.allGather(cat([...mine, fill]));
    data.set(dtype, sent);
  }
  return readers.map((reader, rank) => ({ states: reader.rebuild(data, rank), updates: reader.updates }));
}

/** One-dimensional tensors of any lengths. */
function gatherUneven(sync: MetricSync, values: Tensor): Tensor[] {
  const own = values.size(0);
  const lengths = sync.allGather(tensor([own], { dtype: 'int64', device: values.device })).map((one) => one.item());
  const longest = Math.max(...lengths);
  const filled =
    own === longest ? values : cat([values, zeros([longest - own], { dtype: 'int64', device: values.device })]);
  return sync.allGather(filled).map((one, rank) => one.narrow(0, 0, lengths[rank]!));
}

interface StatePlan {
  readonly name: string;
  readonly isList: boolean;
  readonly tensors: { readonly dtype: DType; readonly shape: number[] }[];
}

/** Reads what a process says of its states. */
class HeaderReader {
  readonly updates: number;
  /** How many numbers of each carrier the process has. */
  readonly sizes = new Map<DType, number>();
  private readonly plans: StatePlan[] = [];

  constructor(header: number[], states: MetricStates) {
    let at = 0;
    const next = (): number => header[at++]!;
    this.updates = next();
    for (const [name, value] of states) {
      const tensors = Array.from({ length: next() }, () => {
        const dtype = dtypes[next()]!;
        const shape = Array.from({ length: next() }, next);
        const carrier = carrierOf(dtype);
        this.sizes.set(carrier, (this.sizes.get(carrier) ?? 0) + numbersIn(shape));
        return { dtype, shape };
      });
      this.plans.push({ name, isList: Array.isArray(value), tensors });
    }
  }

  rebuild(data: ReadonlyMap<DType, Tensor[]>, rank: number): MetricStates {
    const offsets = new Map<DType, number>();
    const states: MetricStates = new Map();
    for (const { name, isList, tensors } of this.plans) {
      const values = tensors.map(({ dtype, shape }) => {
        const carrier = carrierOf(dtype);
        const offset = offsets.get(carrier) ?? 0;
        const size = numbersIn(shape);
        offsets.set(carrier, offset + size);
        if (size === 0) return zeros(shape, { dtype });
        return data.get(carrier)![rank]!.narrow(0, offset, size).view(shape).to(dtype);
      });
      states.set(name, isList ? values : values[0]!);
    }
    return states;
  }
}

const numbersIn = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);
