/**
 * A metric's value for a progress bar: three decimals, whole numbers from 10 up without decimals, very small and very large
 * ones with an exponent (`0.312`, `1.000`, `250`, `3.20e-5`, `nan`, `inf`).
 */
export function formatMetric(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (Number.isInteger(value) && size >= 10 && size < 1e9) return String(value);
  if (size !== 0 && (size < 0.0005 || size >= 1e6)) return value.toExponential(2);
  return value.toFixed(3);
}

/**
 * The shortest decimal text that still names `value` exactly in the precision it has: most results were computed in float32,
 * and `0.9156000018119812` is only the float32 `0.9156` seen through a double.
 */
export function formatExact(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return value.toFixed(1);
  if (Math.fround(value) === value) {
    for (let digits = 1; digits <= 9; digits += 1) {
      const short = Number(value.toPrecision(digits));
      if (Math.fround(short) === value) return String(short);
    }
  }
  return String(value);
}

/** `H:MM:SS` of a time in seconds; `-:--:--` when it is not known. */
export function formatClock(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '-:--:--';
  const whole = Math.floor(seconds);
  const minutes = Math.floor(whole / 60) % 60;
  const two = (part: number): string => String(part).padStart(2, '0');
  return `${Math.floor(whole / 3600)}:${two(minutes)}:${two(whole % 60)}`;
}

/** Batches a second: `19.5it/s`, `1250it/s`, `0.08it/s`. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond) || perSecond <= 0) return '--it/s';
  if (perSecond >= 1000) return `${perSecond.toFixed(0)}it/s`;
  return `${perSecond.toFixed(perSecond >= 10 ? 1 : 2)}it/s`;
}

/** A short time with its unit: `12.3 µs`, `4.56 ms`, `1.20 s`. */
export function formatSeconds(seconds: number): string {
  if (seconds === 0) return '0 s';
  const [scaled, unit] = seconds < 1e-3 ? [seconds * 1e6, 'µs'] : seconds < 1 ? [seconds * 1e3, 'ms'] : [seconds, 's'];
  return `${scaled.toPrecision(3).includes('e') ? scaled.toFixed(0) : scaled.toPrecision(3)} ${unit}`;
}
