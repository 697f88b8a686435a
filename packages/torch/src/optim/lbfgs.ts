import { enableGrad, noGrad } from '../autograd.js';
import { zeros } from '../creation.js';
import { TorchError } from '../errors.js';
import { cat } from '../functions.js';
import { Tensor } from '../tensor.js';
import { float, MixedArithmetic, type MixedNumber, scalar } from './mixedNumber.js';
import {
  type Closure,
  Optimizer,
  type ParamGroup,
  type ParamGroupInput,
  type ParamsInput,
  type StateValue,
} from './optimizer.js';
import { requireNotNegative, requireWhole } from './settingRanges.js';
import { strongWolfe } from './strongWolfe.js';

export interface LBFGSOptions {
  /** Default 1. */
  lr?: number;
  /** Iterations of one step at most; default 20. */
  maxIter?: number;
  /** Calls of the closure in one step at most, checked after each iteration; default maxIter · 1.25, rounded down. */
  maxEval?: number;
  /** Stop when no element of the gradient is larger; default 1e-7. */
  toleranceGrad?: number;
  /** Stop when the loss or no parameter changes by more; default 1e-9. */
  toleranceChange?: number;
  /** How many past updates the estimate of the curvature rests on; default 100. Each costs twice the parameters' memory. */
  historySize?: number;
  /** How the length of an update is found: 'strong_wolfe', or null (default) for always `lr`. */
  lineSearchFn?: 'strong_wolfe' | null;
}

type LBFGSSettings = Required<Omit<LBFGSOptions, 'lr'>>;

/**
 * L-BFGS (Liu and Nocedal 1989) in PyTorch's form: a quasi-Newton method for full batches and smooth losses.
 *
 * Each step calls the closure many times, so `step` needs one, and it must be synchronous. There can be one parameter
 * group only.
 *
 * State on disk, under the first parameter: `func_evals`, `n_iter`, `d`, `t`, `old_dirs`, `old_stps`, `ro`, `H_diag`,
 * `prev_flat_grad`, `prev_loss`. Python's scratch list `al` is not written; Python makes it anew.
 *
 * @example
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = F.mseLoss(model.forward(x), y);
 *   loss.backward();
 *   return loss;
 * });
 */
export class LBFGS extends Optimizer<LBFGSSettings> {
  constructor(params: ParamsInput<LBFGSSettings & { lr: number }>, options: LBFGSOptions = {}) {
    const maxIter = options.maxIter ?? 20;
    super(params, {
      lr: options.lr ?? 1,
      maxIter,
      maxEval: options.maxEval ?? Math.floor((maxIter * 5) / 4),
      toleranceGrad: options.toleranceGrad ?? 1e-7,
      toleranceChange: options.toleranceChange ?? 1e-9,
      historySize: options.historySize ?? 100,
      lineSearchFn: options.lineSearchFn ?? null,
    });
  }

  override addParamGroup(group: ParamGroupInput<LBFGSSettings & { lr: number }>): void {
    if (this.paramGroups.length > 0)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        'LBFGS takes one parameter group: its curvature is that of all parameters together. Put them into one list.',
      );
    super.addParamGroup(group);
  }

  protected checkGroup(group: ParamGroup<LBFGSSettings>): void {
    requireNotNegative('LBFGS', group, 'lr', 'toleranceGrad', 'toleranceChange');
    requireWhole('LBFGS', 'maxIter', group.maxIter, 1);
    requireWhole('LBFGS', 'maxEval', group.maxEval, 1);
    requireWhole('LBFGS', 'historySize', group.historySize, 1);
    if (group.lineSearchFn !== null && group.lineSearchFn !== 'strong_wolfe')
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `LBFGS: lineSearchFn must be 'strong_wolfe' or null, got ${String(group.lineSearchFn)}`,
      );
    const complex = group.params.findIndex((param) => param.isComplex());
    if (complex >= 0)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        `LBFGS: parameters must be real; entry ${complex} of the group is ${group.params[complex]!.dtype}`,
      );
  }

  protected stepGroup(): void {}

  /**
   * One step: up to `maxIter` updates.
   *
   * @param closure clears the gradients, computes the loss, calls `backward` and returns the loss; called many times
   * @returns the loss before the step
   */
  override step(closure?: Closure): Tensor | number {
    if (closure === undefined)
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        'LBFGS.step needs a closure that computes the loss and its gradients: it is called several times',
      );
    const loss = noGrad(() => this.minimize(closure));
    this.stepCount += 1;
    return loss;
  }

  private minimize(closure: Closure): Tensor | number {
    const group = this.paramGroups[0]!;
    const { lr, maxIter, maxEval, toleranceGrad, toleranceChange, historySize, lineSearchFn } = group;
    const { params } = group;
    const m = new MixedArithmetic(params[0]!.dtype === 'float64' ? (value) => value : Math.fround);
    const state = this.state.get(params[0]!) ?? {};
    this.state.set(params[0]!, state);
    const count = (key: 'func_evals' | 'n_iter', by: number): number => {
      const value = numberOf(state[key] ?? 0) + by;
      state[key] = value;
      return value;
    };
    const isOptimal = (gradient: Tensor) => m.atMost(largest(gradient), float(toleranceGrad));

    const firstLoss = this.evaluate(closure);
    let loss = numberOf(firstLoss);
    let evaluations = 1;
    count('func_evals', 1);
    let gradient = this.flatGradient();
    if (isOptimal(gradient)) return firstLoss;

    let direction = state.d as Tensor | undefined;
    let step: MixedNumber = float(numberOf(state.t ?? 0));
    const directions = [...((state.old_dirs ?? []) as Tensor[])];
    const steps = [...((state.old_stps ?? []) as Tensor[])];
    const ro = ((state.ro ?? []) as StateValue[]).map(numberOf);
    let scale = numberOf(state.H_diag ?? 1);
    let previousGradient = state.prev_flat_grad as Tensor | undefined;
    let previousLoss = numberOf(state.prev_loss ?? 0);

    for (let iteration = 1; iteration <= maxIter; iteration++) {
      const isFirst = count('n_iter', 1) === 1;
      if (isFirst || direction === undefined || previousGradient === undefined) {
        direction = gradient.neg();
      } else {
        const change = gradient.sub(previousGradient);
        const moved = direction.mul(step.value);
        const curvature = dot(change, moved);
        if (m.less(float(1e-10), curvature)) {
          if (directions.length === historySize) for (const list of [directions, steps, ro]) list.shift();
          directions.push(change);
          steps.push(moved);
          ro.push(m.div(float(1), curvature).value);
          scale = m.div(curvature, dot(change, change)).value;
        }
        direction = twoLoops(m, gradient, directions, steps, ro, scale);
      }
      previousGradient = gradient.clone();
      previousLoss = loss;

      const size = scalar(numberOf(gradient.abs().sum()));
      step = isFirst ? m.mul(m.min(float(1), m.div(float(1), size)), float(lr)) : float(lr);
      const slope = dot(gradient, direction);
      if (m.less(float(-toleranceChange), slope)) break;

      let calls = 0;
      let optimal = false;
      if (lineSearchFn === null) {
        this.move(step.value, direction);
        // After the last update nobody needs the loss.
        if (iteration !== maxIter) {
          loss = numberOf(this.evaluate(closure));
          gradient = this.flatGradient();
          optimal = isOptimal(gradient);
          calls = 1;
        }
      } else {
        const along = direction;
        const origin = params.map((param) => param.clone());
        const evaluate = (length: number) => {
          this.move(length, along);
          const value = numberOf(this.evaluate(closure));
          const found = this.flatGradient();
          params.forEach((param, i) => {
            param.copy_(origin[i]!);
          });
          return { loss: value, gradient: found };
        };
        const found = strongWolfe(m, evaluate, along, { step, loss, gradient, slope }, toleranceChange);
        ({ step, loss, gradient } = found);
        calls = found.evaluations;
        this.move(step.value, along);
        optimal = isOptimal(gradient);
      }
      evaluations += calls;
      count('func_evals', calls);

      if (evaluations >= maxEval || optimal) break;
      if (iteration === maxIter) break;
      if (m.atMost(largest(direction.mul(step.value)), float(toleranceChange))) break;
      if (Math.abs(loss - previousLoss) < toleranceChange) break;
    }

    Object.assign(state, {
      d: direction,
      t: step.value,
      old_dirs: directions,
      old_stps: steps,
      ro,
      H_diag: scale,
      prev_flat_grad: previousGradient,
      prev_loss: previousLoss,
    });
    return firstLoss;
  }

  private evaluate(closure: Closure): Tensor | number {
    const loss: unknown = enableGrad(() => {
      const result: unknown = closure();
      if (!(result instanceof Promise)) return result;
      result.catch(() => {}); // the error below is the one to see
      throw new TorchError(
        'OPTIMIZER_ARGUMENT',
        'LBFGS calls its closure many times in a step and cannot wait for it, but the closure returned a promise. Make it synchronous: load the data before the step.',
      );
    });
    if (loss instanceof Tensor || typeof loss === 'number') return loss;
    throw new TorchError(
      'OPTIMIZER_ARGUMENT',
      `LBFGS: the closure must return the loss, a tensor of one element or a number, got ${String(loss)}`,
    );
  }

  /** All gradients in a row: [elements of all parameters]. */
  private flatGradient(): Tensor {
    return cat(
      this.paramGroups[0]!.params.map((param) => {
        const { grad } = param;
        if (grad === null) return zeros([param.numel()], { dtype: param.dtype, device: param.device });
        return (grad.layout === 'strided' ? grad : grad.toDense()).reshape([-1]);
      }),
      0,
    );
  }

  private move(step: number, direction: Tensor): void {
    let offset = 0;
    for (const param of this.paramGroups[0]!.params) {
      const count = param.numel();
      param.add_(direction.narrow(0, offset, count).viewAs(param), { alpha: step });
      offset += count;
    }
  }
}

const numberOf = (value: StateValue): number => (value instanceof Tensor ? Number(value.item()) : Number(value));
const dot = (a: Tensor, b: Tensor): MixedNumber => scalar(numberOf(a.dot(b)));
const largest = (values: Tensor): MixedNumber => scalar(numberOf(values.abs().max()));

/** The estimated inverse Hessian times the negative gradient, by the two loops of Nocedal (1980). */
function twoLoops(
  m: MixedArithmetic,
  gradient: Tensor,
  directions: Tensor[],
  steps: Tensor[],
  ro: number[],
  scale: number,
): Tensor {
  const weights: MixedNumber[] = [];
  const q = gradient.neg();
  for (let i = directions.length - 1; i >= 0; i--) {
    const weight = m.mul(dot(steps[i]!, q), scalar(ro[i]!));
    weights[i] = weight;
    q.add_(directions[i]!, { alpha: -weight.value });
  }
  const result = q.mul(scale);
  directions.forEach((change, i) => {
    const weight = m.mul(dot(change, result), scalar(ro[i]!));
    result.add_(steps[i]!, { alpha: m.sub(weights[i]!, weight).value });
  });
  return result;
}
