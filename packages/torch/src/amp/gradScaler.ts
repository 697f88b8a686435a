import { full, zeros } from '../creation.js';
import { cuda, type DeviceLike, type DeviceName, deviceOf } from '../device.js';
import { invokeN } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { operatorId } from '../operatorId.js';
import type { Closure, Optimizer } from '../optim/optimizer.js';
import { Tensor } from '../tensor.js';
import { warn } from '../warnings.js';

export interface GradScalerOptions {
  /** Where the scale lives; default `cuda` where there is one, else `cpu`. */
  device?: DeviceLike;
  /** Default 65536. */
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps in a row without infinities; above 1; default 2. */
  growthFactor?: number;
  /** What the scale is multiplied by after a step with infinities; below 1; default 0.5. */
  backoffFactor?: number;
  /** Default 2000. */
  growthInterval?: number;
  /** False makes every method pass through; default true. */
  enabled?: boolean;
}

/** What is saved, by Python's keys; empty when the scaler is disabled. */
export type GradScalerState =
  | {
      scale: number;
      growth_factor: number;
      backoff_factor: number;
      growth_interval: number;
      _growth_tracker: number;
    }
  | Record<string, never>;

type Stage = 'ready' | 'unscaled' | 'stepped';

interface OptimizerProgress {
  stage: Stage;
  /** Per device: 1 where a gradient was not finite. */
  foundInf: Map<string, Tensor>;
}

/** `values()` would ask for a coalesced tensor. */
const valuesId = operatorId('aten::_values');

const refusal = (message: string): TorchError => new TorchError('GRAD_SCALER', message);

/** The tensor that holds the gradient's numbers, or null where there is nothing to scale. */
function numbersOf(param: Tensor): Tensor | null {
  const { grad } = param;
  if (grad === null) return null;
  if (grad.dtype === 'float16')
    throw refusal('the gradients are float16; keep the parameters in float32 and let autocast lower the precision');
  return grad.layout === 'sparse_coo' ? (invokeN(valuesId, [grad]) as Tensor) : grad;
}

/**
 * Scales losses up so that small gradients do not vanish in float16, and scales the gradients down again before the
 * optimizer's step, which is left out when they overflowed. The scale adapts. As `torch.amp.GradScaler`, on any device:
 * where the engine has no kernel for it, the same numbers are made of other operators.
 *
 * @example
 * optimizer.zeroGrad();
 * const loss = autocast({ deviceType: 'cuda' }, () => lossFn.forward(model.forward(x), y));
 * scaler.scale(loss).backward();
 * scaler.unscale_(optimizer); // only to clip or read gradients
 * scaler.step(optimizer);
 * scaler.update();
 */
export class GradScaler {
  readonly device: DeviceName;
  private readonly enabled: boolean;
  private initScale: number;
  private growthFactor: number;
  private backoffFactor: number;
  private growthInterval: number;
  private initGrowthTracker = 0;
  /** [] float32; made by the first `scale`. */
  private scaleTensor: Tensor | null = null;
  /** [] int32: steps in a row without infinities. */
  private growthTracker: Tensor | null = null;
  private progress = new Map<Optimizer, OptimizerProgress>();

  constructor(options: GradScalerOptions = {}) {
    this.device = deviceOf(options.device ?? (cuda.isAvailable() ? 'cuda' : 'cpu')).toString();
    this.initScale = options.initScale ?? 65536;
    this.growthFactor = options.growthFactor ?? 2;
    this.backoffFactor = options.backoffFactor ?? 0.5;
    this.growthInterval = options.growthInterval ?? 2000;
    const isAbsent = this.device.startsWith('cuda') && !cuda.isAvailable();
    this.enabled = (options.enabled ?? true) && !isAbsent;
    if (isAbsent && (options.enabled ?? true))
      warn('GRAD_SCALER_DISABLED', 'a GradScaler for cuda does nothing here: this libtorch sees no such device');
    if (!this.enabled) return;
    if (!(this.growthFactor > 1)) throw refusal(`growthFactor must be above 1, got ${this.growthFactor}`);
    if (!(this.backoffFactor < 1 && this.backoffFactor > 0))
      throw refusal(`backoffFactor must be above 0 and below 1, got ${this.backoffFactor}`);
    if (!(this.initScale > 0)) throw refusal(`initScale must be positive, got ${this.initScale}`);
    if (!Number.isInteger(this.growthInterval) || this.growthInterval < 1)
      throw refusal(`growthInterval must be a positive integer, got ${this.growthInterval}`);
  }

  isEnabled(): boolean {
    return this.enabled;
  }

  /** The outputs times the scale: a tensor, or any nesting of arrays, maps and plain objects of tensors. */
  scale<T>(outputs: T): T {
    if (!this.enabled) return outputs;
    if (this.scaleTensor === null) this.start();
    return this.scaled(outputs, new Map()) as T;
  }

  private start(): void {
    const { device } = this;
    this.scaleTensor = full([], this.initScale, { dtype: 'float32', device });
    this.growthTracker = full([], this.initGrowthTracker, { dtype: 'int32', device });
  }

  private scaled(value: unknown, scales: Map<string, Tensor>): unknown {
    if (value instanceof Tensor) {
      const device = value.device.toString();
      let scale = scales.get(device);
      if (scale === undefined) {
        scale = this.scaleTensor!.to({ device });
        scales.set(device, scale);
      }
      return value.mul(scale);
    }
    const next = (entry: unknown) => this.scaled(entry, scales);
    if (Array.isArray(value)) return value.map(next);
    if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, next(entry)]));
    const prototype: unknown = typeof value === 'object' && value !== null ? Object.getPrototypeOf(value) : undefined;
    if (prototype === Object.prototype || prototype === null)
      return Object.fromEntries(Object.entries(value as object).map(([key, entry]) => [key, next(entry)]));
    throw refusal(
      `scale takes tensors and arrays, maps or plain objects of them, got ${value === null ? 'null' : typeof value}`,
    );
  }

  private progressOf(optimizer: Optimizer): OptimizerProgress {
    let progress = this.progress.get(optimizer);
    if (progress === undefined) {
      progress = { stage: 'ready', foundInf: new Map() };
      this.progress.set(optimizer, progress);
    }
    return progress;
  }

  /** Divides the optimizer's gradients by the scale, so that they can be clipped or read. Once before each `step`. */
  unscale_(optimizer: Optimizer): void {
    if (!this.enabled) return;
    const progress = this.progressOf(optimizer);
    if (progress.stage === 'unscaled')
      throw refusal('unscale_ was called on this optimizer already since the last update');
    if (progress.stage === 'stepped') throw refusal('unscale_ is called after step; call it before');
    this.unscale(optimizer, progress);
    progress.stage = 'unscaled';
  }

  private unscale(optimizer: Optimizer, progress: OptimizerProgress): void {
    if (this.scaleTensor === null)
      throw refusal('there is no scale yet: backward the result of scaler.scale(loss) first');
    const gradients = new Map<string, Tensor[]>();
    for (const group of optimizer.paramGroups)
      for (const param of group.params) {
        const numbers = numbersOf(param);
        if (numbers === null) continue;
        // The engine's kernels take tensors of one device and dtype at a time.
        const kind = `${numbers.device} ${numbers.dtype}`;
        const list = gradients.get(kind);
        if (list === undefined) gradients.set(kind, [numbers]);
        else list.push(numbers);
      }
    const inverse = this.scaleTensor.double().reciprocal().float();
    for (const list of gradients.values()) {
      const device = list[0]!.device.toString();
      const foundInf = progress.foundInf.get(device) ?? zeros([], { dtype: 'float32', device });
      native.unscaleGradients(list, inverse.to({ device }).handle, foundInf.handle);
      progress.foundInf.set(device, foundInf);
    }
    inverse.dispose();
  }

  /**
   * The optimizer's step, after unscaling its gradients if that was not done; left out when one of them is not finite.
   * Gives what the optimizer's step gives, null when it was left out. Takes no closure, which could not be rescaled.
   */
  step(optimizer: Optimizer, closure?: Closure): ReturnType<Optimizer['step']> {
    if (!this.enabled) return optimizer.step(closure);
    if (closure !== undefined) throw refusal('step takes no closure while the scaler is enabled');
    const progress = this.progressOf(optimizer);
    if (progress.stage === 'stepped') throw refusal('step was called on this optimizer already since the last update');
    if (progress.stage === 'ready') this.unscale(optimizer, progress);
    if (progress.foundInf.size === 0)
      throw refusal('no gradient was checked for this optimizer: none of its parameters has one. Was backward run?');
    const isFinite = [...progress.foundInf.values()].every((found) => found.item() === 0);
    const result = isFinite ? optimizer.step() : null;
    progress.stage = 'stepped';
    return result;
  }

  /** Adapts the scale after the steps of all optimizers; or sets it, with `newScale`. */
  update(newScale?: number | Tensor): void {
    if (!this.enabled) return;
    const { scaleTensor, growthTracker } = this;
    if (scaleTensor === null || growthTracker === null)
      throw refusal('there is no scale yet: update comes after scaler.scale(loss) and a step');
    if (newScale !== undefined) this.setScale(scaleTensor, newScale);
    else {
      const found = [...this.progress.values()].flatMap(({ foundInf }) => [...foundInf.values()]);
      if (found.length === 0)
        throw refusal('no gradient was checked since the last update: call step (or unscale_) first');
      const device = scaleTensor.device;
      const anyInf = found.map((one) => one.to({ device })).reduce((total, one) => total.add(one));
      const { growthFactor, backoffFactor, growthInterval } = this;
      native.updateScale(
        scaleTensor.handle,
        growthTracker.handle,
        anyInf.handle,
        growthFactor,
        backoffFactor,
        growthInterval,
      );
    }
    this.progress = new Map();
  }

  private setScale(scale: Tensor, value: number | Tensor): void {
    if (typeof value === 'number') {
      if (!(value > 0)) throw refusal(`a new scale must be positive, got ${value}`);
      scale.fill_(value);
      return;
    }
    if (value.numel() !== 1 || value.dtype !== 'float32' || value.requiresGrad)
      throw refusal('a new scale is a number, or a float32 tensor of one element that requires no gradient');
    scale.copy_(value.reshape([]));
  }

  /** The present scale; 1 when disabled. */
  getScale(): number {
    if (!this.enabled) return 1;
    return this.scaleTensor === null ? this.initScale : (this.scaleTensor.item() as number);
  }
  getGrowthFactor(): number {
    return this.growthFactor;
  }
  setGrowthFactor(factor: number): void {
    this.growthFactor = factor;
  }
  getBackoffFactor(): number {
    return this.backoffFactor;
  }
  setBackoffFactor(factor: number): void {
    this.backoffFactor = factor;
  }
  getGrowthInterval(): number {
    return this.growthInterval;
  }
  setGrowthInterval(interval: number): void {
    this.growthInterval = interval;
  }

  /** By Python's keys; empty when disabled. To be saved after `update`. */
  stateDict(): GradScalerState {
    if (!this.enabled) return {};
    return {
      scale: this.getScale(),
      growth_factor: this.growthFactor,
      backoff_factor: this.backoffFactor,
      growth_interval: this.growthInterval,
      _growth_tracker: this.growthTracker === null ? this.initGrowthTracker : (this.growthTracker.item() as number),
    };
  }

  /** Takes over a state, ours or Python's. A disabled scaler leaves it alone. */
  loadStateDict(state: GradScalerState): void {
    if (!this.enabled) return;
    const { scale, growth_factor, backoff_factor, growth_interval, _growth_tracker } = state;
    if (scale === undefined) throw refusal('the state is empty: it was probably saved by a disabled GradScaler');
    for (const [key, value] of Object.entries({
      scale,
      growth_factor,
      backoff_factor,
      growth_interval,
      _growth_tracker,
    }))
      if (typeof value !== 'number') throw refusal(`the state has no number under '${key}'`);
    this.initScale = scale;
    this.growthFactor = growth_factor;
    this.backoffFactor = backoff_factor;
    this.growthInterval = growth_interval;
    this.initGrowthTracker = _growth_tracker;
    this.scaleTensor?.fill_(scale);
    this.growthTracker?.fill_(_growth_tracker);
  }
}
