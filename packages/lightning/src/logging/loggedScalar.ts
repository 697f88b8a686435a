import { inferenceMode, setGradEnabled, type Tensor, tensor, zeros } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';

/** How the values of an epoch become one. */
export type Reduction = 'mean' | 'sum' | 'min' | 'max';

/** What a checkpoint keeps of a logged value. */
export interface ScalarState {
  step: Tensor | null;
  total: Tensor | null;
  weight: number;
}

const start: Readonly<Record<Reduction, number>> = {
  mean: 0,
  sum: 0,
  min: Number.POSITIVE_INFINITY,
  max: Number.NEGATIVE_INFINITY,
};

/**
 * The value of one logged name: the last step's, and what the epoch's reduction needs.
 *
 * Nothing is waited for while training runs: tensors of a GPU are copied and accumulated where they are, into two tensors that
 * live as long as the run. Plain numbers, and those that lie in the CPU's memory anyway, never become tensors until somebody
 * asks; they are rounded as float32 tensors would be, so that both give the same sums.
 */
export class LoggedScalar {
  private isTensor = false;
  private stepNumber = 0;
  private totalNumber: number;
  private stepTensor: Tensor | null = null;
  private totalTensor: Tensor | null = null;
  private weight = 0;

  constructor(
    private readonly name: string,
    private readonly keepsStep: boolean,
    /** The reduction over the epoch, or null when only steps count. */
    private readonly reduction: Reduction | null,
    private readonly keepsGraph: boolean,
  ) {
    this.totalNumber = start[reduction ?? 'mean'];
  }

  update(value: number | Tensor, batchSize: number): void {
    if (!this.isTensor && (typeof value === 'number' || (!this.keepsGraph && isReadAtOnce(value))))
      this.updateNumber(Math.fround(typeof value === 'number' ? value : (value.item() as number)), batchSize);
    else if (this.keepsGraph) this.updateGraph(this.scalar(value), batchSize);
    else this.updateTensor(this.scalar(value), batchSize);
  }

  /** The last step's value, a copy of its own. */
  stepValue(): Tensor {
    if (!this.isTensor) return tensor(this.stepNumber, { dtype: 'float32' });
    return this.keepsGraph ? this.stepTensor! : this.stepTensor!.clone();
  }

  stepAsNumber(): number {
    return this.isTensor ? this.stepTensor!.item() : this.stepNumber;
  }

  /** The reduction of the epoch so far. */
  epochValue(): Tensor {
    if (!this.isTensor) {
      const { totalNumber, weight } = this;
      return tensor(this.reduction === 'mean' ? Math.fround(totalNumber / weight) : totalNumber, { dtype: 'float32' });
    }
    const total = this.totalTensor!;
    return this.reduction === 'mean' ? total.div(this.weight) : total.clone();
  }

  /** What the epoch's reduction has gathered so far: together with those of other processes it makes the value over all. */
  partial(): { readonly total: number; readonly weight: number; readonly isDouble: boolean } {
    const total = this.isTensor ? (this.totalTensor!.item() as number) : this.totalNumber;
    return { total, weight: this.weight, isDouble: this.isTensor && this.totalTensor!.dtype === 'float64' };
  }

  reset(): void {
    const first = start[this.reduction ?? 'mean'];
    this.weight = 0;
    this.totalNumber = first;
    if (this.keepsGraph) {
      // An old epoch's graph must not outlive it.
      this.stepTensor = this.stepTensor?.detach() ?? null;
      this.totalTensor = this.totalTensor === null ? null : fullLike(this.totalTensor, first);
    } else if (this.totalTensor !== null) withoutGrad(() => this.totalTensor!.fill_(first));
  }

  state(): ScalarState {
    const copy = (kept: Tensor | null, number: number): Tensor =>
      this.isTensor && kept !== null ? kept.detach().clone() : tensor(number, { dtype: 'float32' });
    return {
      step: this.keepsStep ? copy(this.stepTensor, this.stepNumber) : null,
      total: this.reduction === null ? null : copy(this.totalTensor, this.totalNumber),
      weight: this.weight,
    };
  }

  loadState({ step, total, weight }: ScalarState): void {
    this.weight = weight;
    this.isTensor = true;
    this.stepTensor = step?.clone() ?? null;
    this.totalTensor = total?.clone() ?? null;
  }

  private updateNumber(value: number, batchSize: number): void {
    if (this.keepsStep) this.stepNumber = value;
    if (this.reduction === 'mean') {
      this.totalNumber = Math.fround(this.totalNumber + Math.fround(value * batchSize));
      this.weight += batchSize;
    } else if (this.reduction === 'sum') this.totalNumber = Math.fround(this.totalNumber + value);
    else if (this.reduction === 'min') this.totalNumber = Math.min(this.totalNumber, value);
    else if (this.reduction === 'max') this.totalNumber = Math.max(this.totalNumber, value);
  }

  private updateTensor(value: Tensor, batchSize: number): void {
    const before = setGradEnabled(false);
    try {
      this.makeRoom(value);
      if (this.keepsStep) this.stepTensor!.copy_(value);
      if (this.reduction === null) return;
      const total = this.totalTensor!;
      if (this.reduction === 'mean') {
        total.add_(batchSize === 1 ? value : value.mul(batchSize));
        this.weight += batchSize;
      } else if (this.reduction === 'sum') total.add_(value);
      else total.copy_(this.reduction === 'min' ? total.minimum(value) : total.maximum(value));
    } finally {
      setGradEnabled(before);
    }
  }

  private updateGraph(value: Tensor, batchSize: number): void {
    this.makeRoom(value);
    if (this.keepsStep) this.stepTensor = value.clone();
    if (this.reduction === null) return;
    const total = this.totalTensor!;
    if (this.reduction === 'mean') {
      this.totalTensor = total.add(value.mul(batchSize));
      this.weight += batchSize;
    } else if (this.reduction === 'sum') this.totalTensor = total.add(value);
    else this.totalTensor = this.reduction === 'min' ? total.minimum(value) : total.maximum(value);
  }

  /** A tensor without dimensions, in a type that means can be taken in. */
  private scalar(value: number | Tensor): Tensor {
    if (typeof value === 'number') return tensor(value, { dtype: 'float32' });
    let result = value;
    if (value.dim() > 0) {
      if (value.numel() !== 1) {
        throw new LightningError(
          'LOG_VALUE',
          `'${this.name}' was logged with a tensor of shape [${value.shape.join(', ')}], but a logged value is one number. ` +
            `Reduce it first, for example this.log('${this.name}', value.mean()).`,
        );
      }
      result = value.reshape([]);
    }
    const { dtype } = result;
    return dtype === 'float32' || dtype === 'float64' ? result : result.to('float32');
  }

  /** Makes the two tensors, on the value's device; again when float64 values follow float32 ones. */
  private makeRoom(value: Tensor): void {
    const kept = this.stepTensor ?? this.totalTensor;
    if (this.isTensor && kept !== null && (kept.dtype === value.dtype || kept.dtype === 'float64')) return;
    const options = { dtype: value.dtype, device: value.device };
    // Outside inference mode: these tensors are updated in both.
    const make = (old: Tensor | null, number: number): Tensor =>
      inferenceMode(() => (old === null ? zeros([], options).fill_(number) : old.detach().to(value.dtype)), false);
    if (this.keepsStep) this.stepTensor = make(this.stepTensor, this.stepNumber);
    if (this.reduction !== null) this.totalTensor = make(this.totalTensor, this.totalNumber);
    this.isTensor = true;
  }
}

/** A float32 number in the CPU's memory: reading it takes a fraction of an operator's time. */
const isReadAtOnce = (value: Tensor): boolean =>
  value.dtype === 'float32' && value.numel() === 1 && value.device.type === 'cpu';

function withoutGrad(fn: () => void): void {
  const before = setGradEnabled(false);
  try {
    fn();
  } finally {
    setGradEnabled(before);
  }
}

function fullLike(like: Tensor, value: number): Tensor {
  return zeros([], { dtype: like.dtype, device: like.device }).fill_(value);
}
