/** The multiple of `divisor` nearest to `value`, at least `divisor`, and never more than 10% below `value`. */
export function makeDivisible(value: number, divisor = 8): number {
  const nearest = Math.max(divisor, Math.floor((value + divisor / 2) / divisor) * divisor);
  return nearest < 0.9 * value ? nearest + divisor : nearest;
}
