import { tensor } from '@lightning-ts/torch';

/**
 * The chance that a value of Student's t distribution is at most `t`.
 *
 * @param degreesOfFreedom above 0
 */
export function studentTCdf(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t)) return Number.NaN;
  const tail = twoSided(t, degreesOfFreedom) / 2;
  return t > 0 ? 1 - tail : tail;
}

/** The chance that a value lies further from 0 than `t`, on either side: accurate where it is small. */
export function twoSided(t: number, degreesOfFreedom: number): number {
  if (Number.isNaN(t)) return Number.NaN;
  if (!Number.isFinite(t)) return 0;
  const square = t * t;
  return incompleteBeta(
    degreesOfFreedom / (degreesOfFreedom + square),
    square / (degreesOfFreedom + square),
    degreesOfFreedom / 2,
    0.5,
  );
}

/** The t that values exceed in size with the chance `1 - confidence`: half the width of an interval, in standard errors. */
export function studentTInterval(confidence: number, degreesOfFreedom: number): number {
  let high = 1;
  while (1 - twoSided(high, degreesOfFreedom) < confidence) high *= 2;
  let low = 0;
  for (;;) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return middle;
    if (1 - twoSided(middle, degreesOfFreedom) < confidence) low = middle;
    else high = middle;
  }
}

/** The chance that a value of the standard normal distribution is above `z`. */
export function normalTail(z: number): number {
  return (
    tensor(z / Math.SQRT2, { dtype: 'float64' })
      .erfc()
      .item() / 2
  );
}

/**
 * The regularised incomplete beta function I_x(a, b), by Lentz's evaluation of its continued fraction. The engine has none.
 *
 * @param y 1 - x, given apart so that nothing is lost where x is near 1
 */
function incompleteBeta(x: number, y: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (y <= 0) return 1;
  // The fraction converges quickly on this side of the mean only.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(y, x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(y)) / a;
  let numerator = 1;
  let denominator = 1 / away(1 - ((a + b) * x) / (a + 1));
  let fraction = denominator;
  for (let m = 1; m < 1000; m += 1) {
    const before = fraction;
    for (const term of [
      (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m)),
      (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1)),
    ]) {
      denominator = 1 / away(1 + term * denominator);
      numerator = away(1 + term / numerator);
      fraction *= denominator * numerator;
    }
    if (Math.abs(fraction - before) <= 2 * Number.EPSILON * Math.abs(fraction)) break;
  }
  return front * fraction;
}

/** Lentz's method divides by these values. */
function away(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value;
}

function logGamma(value: number): number {
  return tensor(value, { dtype: 'float64' }).lgamma().item();
}
