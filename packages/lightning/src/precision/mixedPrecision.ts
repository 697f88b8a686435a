import type { Device, Tensor } from '@lightning-ts/torch';
import { autocast, GradScaler, type GradScalerState } from '@lightning-ts/torch/amp';
import { type Closure, LBFGS, type Optimizer } from '@lightning-ts/torch/optim';
import { LightningError } from '../errors.js';
import { Precision } from './precision.js';
import { refuseAsync } from './refuseAsync.js';

export interface MixedPrecisionOptions {
  /** Only with `'16-mixed'`. Default: a new one. */
  readonly scaler?: GradScaler;
}

/**
 * `'16-mixed'` or `'bf16-mixed'`: weights stay in float32, and steps run the operators that gain by it in the lower precision.
 * Float16 loses small gradients, so there the loss is scaled up before backward; a step whose gradients overflowed is left
 * out, but counts.
 */
export class MixedPrecision extends Precision {
  override readonly stateKey: string | undefined;
  private scalerInUse: GradScaler | null;
  private context: { readonly deviceType: 'cpu' | 'cuda'; readonly dtype: 'float16' | 'bfloat16' };

  /** @throws LightningError OPTION_CONFLICT for `'bf16-mixed'` with a scaler, which it does not need */
  constructor(
    override readonly name: '16-mixed' | 'bf16-mixed',
    { scaler }: MixedPrecisionOptions = {},
  ) {
    super();
    if (name === 'bf16-mixed' && scaler !== undefined) {
      throw new LightningError(
        'OPTION_CONFLICT',
        "MixedPrecision: 'bf16-mixed' was given a scaler, but bfloat16 reaches as far as float32, so nothing is scaled. Leave it out.",
      );
    }
    this.scalerInUse = scaler ?? null;
    this.context = { deviceType: 'cpu', dtype: 'bfloat16' };
    this.stateKey = name === '16-mixed' ? 'MixedPrecision' : undefined;
  }

  /** Scales the loss of `'16-mixed'`; null when nothing is scaled. */
  get scaler(): GradScaler | null {
    return this.scalerInUse;
  }

  /** @throws LightningError OPTION_UNAVAILABLE for a device without mixed precision */
  override connect(device: Device): void {
    const { type } = device;
    if (type !== 'cpu' && type !== 'cuda') {
      throw new LightningError(
        'OPTION_UNAVAILABLE',
        `precision '${this.name}' does not work on ${type}. Use '32-true' there, or accelerator: 'cpu'.`,
      );
    }
    // A CPU has no kernels for float16; with a scaler given, it is bfloat16 there, scaled all the same.
    this.context = { deviceType: type, dtype: this.name === '16-mixed' && type === 'cuda' ? 'float16' : 'bfloat16' };
    if (this.name === '16-mixed') this.scalerInUse ??= new GradScaler({ device });
  }

  override runStep<T>(step: () => T): T {
    return autocast(this.context, () => refuseAsync(step(), this.name));
  }

  override scaleLoss(loss: Tensor): Tensor {
    return this.scalerInUse === null ? loss : this.scalerInUse.scale(loss);
  }

  override unscaleGradients(optimizer: Optimizer): void {
    if (this.scalerInUse !== null && hasGradients(optimizer)) this.scalerInUse.unscale_(optimizer);
  }

  /** The closure, which unscales, first: the scaler then knows whether the gradients overflowed. */
  override optimizerStep(optimizer: Optimizer, closure: Closure): ReturnType<Optimizer['step']> {
    const scaler = this.scalerInUse;
    if (scaler === null) return optimizer.step(closure);
    if (optimizer instanceof LBFGS) {
      throw new LightningError(
        'OPTION_CONFLICT',
        `precision '${this.name}' computes the loss once a step, but LBFGS needs it several times. Use 'bf16-mixed' or '32-true'.`,
      );
    }
    const loss = closure();
    // A step that returned null left nothing to update with.
    if (!hasGradients(optimizer)) return loss ?? null;
    scaler.step(optimizer);
    scaler.update();
    return loss ?? null;
  }

  override stateDict(): Record<string, unknown> {
    return { ...this.scalerInUse?.stateDict() };
  }

  override loadStateDict(state: Record<string, unknown>): void {
    this.scalerInUse?.loadStateDict(state as GradScalerState);
  }
}

function hasGradients(optimizer: Optimizer): boolean {
  return optimizer.paramGroups.some((group) => group.params.some((parameter) => parameter.grad !== null));
}
