import type { Tensor } from '../tensor.js';
import { float, type MixedArithmetic, type MixedNumber, scalar } from './mixedNumber.js';

/** A point of the line: how far along the direction, the loss there, the gradient, and the slope along the direction. */
interface LinePoint {
  step: MixedNumber;
  loss: number;
  gradient: Tensor;
  slope: MixedNumber;
}

export interface LineSearchResult {
  step: MixedNumber;
  loss: number;
  gradient: Tensor;
  evaluations: number;
}

/** The minimum of the cubic through two points with their slopes, kept within bounds; the middle where there is none. */
function cubicMinimum(
  m: MixedArithmetic,
  a: LinePoint,
  b: LinePoint,
  bounds: [MixedNumber, MixedNumber] = m.atMost(a.step, b.step) ? [a.step, b.step] : [b.step, a.step],
): MixedNumber {
  const rise = m.div(m.mul(float(3), float(a.loss - b.loss)), m.sub(a.step, b.step));
  const d1 = m.sub(m.add(a.slope, b.slope), rise);
  const square = m.sub(m.mul(d1, d1), m.mul(a.slope, b.slope));
  if (!(square.value >= 0)) return m.div(m.add(...bounds), float(2));
  const d2 = m.sqrt(square);
  const [near, far] = m.atMost(a.step, b.step) ? [a, b] : [b, a];
  const share = m.div(m.sub(m.add(far.slope, d2), d1), m.add(m.sub(far.slope, near.slope), m.mul(float(2), d2)));
  const position = m.sub(far.step, m.mul(m.sub(far.step, near.step), share));
  return m.min(m.max(position, bounds[0]), bounds[1]);
}

/**
 * Looks along `direction` for a step that satisfies the strong Wolfe conditions (Nocedal and Wright 2006, 3.5), with
 * the bracketing, the cubic steps and the roundings of torch.optim.LBFGS.
 *
 * @param evaluate the loss and the gradient that a step leads to
 * @param start the loss and gradient at step 0, and the first step to try
 */
export function strongWolfe(
  m: MixedArithmetic,
  evaluate: (step: number) => { loss: number; gradient: Tensor },
  direction: Tensor,
  start: LinePoint,
  toleranceChange: number,
): LineSearchResult {
  const [c1, c2, maxIterations] = [1e-4, 0.9, 25];
  const largest = scalar(Number(direction.abs().max().item()));
  const { loss: startLoss, slope: startSlope } = start;
  const pointAt = (step: MixedNumber): LinePoint => {
    const { loss, gradient } = evaluate(step.value);
    evaluations += 1;
    return { step, loss, gradient, slope: scalar(Number(gradient.dot(direction).item())) };
  };
  const losesTooLittle = ({ loss, step }: LinePoint) =>
    m.less(m.add(float(startLoss), m.mul(m.mul(float(c1), step), startSlope)), float(loss));
  const isFlat = ({ slope }: LinePoint) => m.atMost(m.abs(slope), m.mul(float(-c2), startSlope));

  let evaluations = 0;
  let iterations = 0;
  let done = false;
  let bracket: LinePoint[] = [];
  let previous: LinePoint = { ...start, step: float(0) };
  let point = pointAt(start.step);

  // Go on, in growing steps, until a good point is found or lies in between.
  while (iterations < maxIterations) {
    if (losesTooLittle(point) || (iterations > 1 && point.loss >= previous.loss)) {
      bracket = [previous, point];
      break;
    }
    if (isFlat(point)) {
      bracket = [point];
      done = true;
      break;
    }
    if (point.slope.value >= 0) {
      bracket = [previous, point];
      break;
    }
    const least = m.add(point.step, m.mul(float(0.01), m.sub(point.step, previous.step)));
    const next = cubicMinimum(m, previous, point, [least, m.mul(point.step, float(10))]);
    previous = point;
    point = pointAt(next);
    iterations += 1;
  }
  if (iterations === maxIterations) bracket = [{ ...start, step: float(0) }, point];

  // Narrow the bracket down.
  let isSlow = false;
  const orderOf = () => (bracket[0]!.loss <= bracket.at(-1)!.loss ? ([0, 1] as const) : ([1, 0] as const));
  let [low, high] = orderOf();
  while (!done && iterations < maxIterations) {
    const [a, b] = bracket as [LinePoint, LinePoint];
    if (m.less(m.mul(m.abs(m.sub(b.step, a.step)), largest), float(toleranceChange))) break;
    let step = cubicMinimum(m, a, b);
    const [top, bottom] = [m.max(a.step, b.step), m.min(a.step, b.step)];
    const margin = m.mul(float(0.1), m.sub(top, bottom));
    const [toTop, toBottom] = [m.sub(top, step), m.sub(step, bottom)];
    if (m.less(m.min(toTop, toBottom), margin)) {
      // So near to an end, twice or right on it: step a tenth into the bracket.
      if (isSlow || m.atMost(top, step) || m.atMost(step, bottom)) {
        step = m.less(m.abs(m.sub(step, top)), m.abs(m.sub(step, bottom))) ? m.sub(top, margin) : m.add(bottom, margin);
        isSlow = false;
      } else {
        isSlow = true;
      }
    } else {
      isSlow = false;
    }

    point = pointAt(step);
    iterations += 1;
    if (losesTooLittle(point) || point.loss >= bracket[low]!.loss) {
      bracket[high] = point;
      [low, high] = orderOf();
    } else {
      if (isFlat(point)) done = true;
      else if (m.mul(point.slope, m.sub(bracket[high]!.step, bracket[low]!.step)).value >= 0)
        bracket[high] = bracket[low]!;
      bracket[low] = point;
    }
  }
  const { step, loss, gradient } = bracket[low]!;
  return { step, loss, gradient, evaluations };
}
