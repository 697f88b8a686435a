// Math.cos and ** are off in the last bit here and there, and not always the way the C library's are. A schedule that
// multiplies such values up drifts away from Python's. So both are computed with twice the digits and rounded once,
// which is what a good C library gives too.

/** The sum of a large part and a small one: about 32 digits. */
type Double2 = readonly [high: number, low: number];

function twoSum(a: number, b: number): Double2 {
  const sum = a + b;
  const back = sum - a;
  return [sum, a - (sum - back) + (b - back)];
}

/** Dekker's product: both parts exact. */
function twoProduct(a: number, b: number): Double2 {
  const product = a * b;
  const splitA = 134217729 * a;
  const highA = splitA - (splitA - a);
  const lowA = a - highA;
  const splitB = 134217729 * b;
  const highB = splitB - (splitB - b);
  const lowB = b - highB;
  return [product, highA * highB - product + highA * lowB + lowA * highB + lowA * lowB];
}

function add(a: Double2, b: Double2): Double2 {
  const [high, error] = twoSum(a[0], b[0]);
  const [low, rest] = twoSum(a[1], b[1]);
  const first = twoSum(high, error + low);
  return twoSum(first[0], first[1] + rest);
}

function multiply(a: Double2, b: Double2): Double2 {
  const [high, low] = twoProduct(a[0], b[0]);
  return twoSum(high, low + (a[0] * b[1] + a[1] * b[0]));
}

function divideBy(a: Double2, divisor: number): Double2 {
  const first = a[0] / divisor;
  const rest = add(a, [-twoProduct(first, divisor)[0], -twoProduct(first, divisor)[1]]);
  return twoSum(first, rest[0] / divisor);
}

/** 1/0!, 1/1!, 1/2!, … */
const inverseFactorials: Double2[] = [[1, 0]];
for (let n = 1; n <= 27; n++) inverseFactorials.push(divideBy(inverseFactorials[n - 1]!, n));

/** π/2 and ln 2 in pieces of 33 bits, whose products with small whole numbers are exact, and the rest. */
const halfPi = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32];
const ln2 = [0.6931471803691238, 1.9082149292705877e-10];

/** Σ ± x²ⁿ⁺ᵒᶠᶠˢᵉᵗ / (2n + offset)!: the cosine for offset 0, the sine for offset 1. */
function alternatingSeries(x: Double2, offset: 0 | 1): Double2 {
  const square = multiply(x, x);
  const negative: Double2 = [-square[0], -square[1]];
  let sum = inverseFactorials[24 + offset]!;
  for (let n = 22; n >= 0; n -= 2) sum = add(multiply(sum, negative), inverseFactorials[n + offset]!);
  return offset === 0 ? sum : multiply(sum, x);
}

/** The cosine of x, rounded correctly but for the rarest cases. |x| up to about a million. */
export function cosine(x: number): number {
  const quarter = Math.round(x / (Math.PI / 2));
  if (!(Math.abs(quarter) < 2 ** 20)) return Math.cos(x);
  let rest: Double2 = [x, 0];
  for (const piece of halfPi) {
    const [high, low] = twoProduct(quarter, piece);
    rest = add(rest, [-high, -low]);
  }
  const turn = ((quarter % 4) + 4) % 4;
  const [value] = alternatingSeries(rest, turn % 2 === 0 ? 0 : 1);
  return turn === 1 || turn === 2 ? -value : value;
}

function exponential(x: Double2): Double2 {
  const doublings = Math.round(x[0] / Math.LN2);
  let rest = x;
  for (const piece of ln2) {
    const [high, low] = twoProduct(doublings, piece);
    rest = add(rest, [-high, -low]);
  }
  const small: Double2 = [rest[0] / 256, rest[1] / 256];
  let sum = inverseFactorials[10]!;
  for (let n = 9; n >= 0; n--) sum = add(multiply(sum, small), inverseFactorials[n]!);
  for (let i = 0; i < 8; i++) sum = multiply(sum, sum);
  const scale = 2 ** doublings;
  return [sum[0] * scale, sum[1] * scale];
}

function logarithm(x: number): Double2 {
  const guess = Math.log(x);
  // x · e^-guess is 1 + d with a tiny d, and its logarithm d - d²/2.
  const d = add(multiply(exponential([-guess, 0]), [x, 0]), [-1, 0]);
  return add([guess, 0], [d[0], d[1] - (d[0] * d[0]) / 2]);
}

/** base to the power of `exponent`, rounded correctly but for the rarest cases. */
export function power(base: number, exponent: number): number {
  const estimate = base ** exponent;
  const isPlain = base > 0 && base !== 1 && exponent !== 0 && estimate > 2 ** -1020 && estimate < 2 ** 1020;
  if (!isPlain || !(Math.abs(exponent) < 2 ** 20)) return estimate;
  if (exponent === 1) return base;
  const [high, low] = logarithm(base);
  const [product, error] = twoProduct(high, exponent);
  return exponential(twoSum(product, error + low * exponent))[0];
}
