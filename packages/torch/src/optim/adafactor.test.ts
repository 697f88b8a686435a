import { describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { Adafactor, type AdafactorOptions } from './index.js';

/** Adafactor on one matrix or vector, in plain numbers: sums over rows and columns written out. */
class PlainAdafactor {
  private step = 0;
  private rows: number[] = [];
  private cols: number[] = [];
  private variance: number[] = [];

  constructor(
    readonly p: number[][],
    readonly isMatrix: boolean,
    readonly o: Required<AdafactorOptions>,
  ) {}

  update(grad: number[][]): void {
    const { p, o } = this;
    const [n, k] = [p.length, p[0]!.length];
    this.step += 1;
    const g = grad.map((row) => row.map((v) => (o.maximize ? -v : v)));
    const rms = (m: number[][]) => Math.sqrt(m.flat().reduce((sum, v) => sum + v * v, 0) / (n * k));
    const weight = this.step ** o.beta2Decay;
    const eps = o.eps[0] ?? 2 ** -52;
    const size = Math.max(o.eps[1], rms(p)) * Math.min(o.lr, 1 / Math.sqrt(this.step));
    const mix = (old: number | undefined, value: number) => (old ?? 0) * (1 - weight) + value * weight;
    let estimate: (i: number, j: number) => number;
    if (this.isMatrix) {
      this.rows = g.map((row, i) => mix(this.rows[i], row.reduce((sum, v) => sum + v * v, 0) / k));
      this.cols = g[0]!.map((_, j) => mix(this.cols[j], g.reduce((sum, row) => sum + row[j]! ** 2, 0) / n));
      const mean = Math.max(this.rows.reduce((a, b) => a + b) / n, eps);
      estimate = (i, j) => (this.rows[i]! * this.cols[j]!) / mean;
    } else {
      this.variance = g[0]!.map((v, j) => mix(this.variance[j], v * v));
      estimate = (_, j) => this.variance[j]!;
    }
    const update = g.map((row, i) => row.map((v, j) => v / Math.sqrt(Math.max(estimate(i, j), eps * eps))));
    const divisor = Math.max(1, rms(update) / o.d);
    for (const [i, row] of p.entries())
      for (const j of row.keys()) row[j] = row[j]! * (1 - o.lr * o.weightDecay) - (size / divisor) * update[i]![j]!;
  }
}

const defaults: Required<AdafactorOptions> = {
  lr: 0.01,
  beta2Decay: -0.8,
  eps: [null, 1e-3],
  d: 1,
  weightDecay: 0,
  maximize: false,
};

describe('Adafactor', () => {
  const settings: AdafactorOptions[] = [
    {},
    { lr: 0.2, weightDecay: 0.1, d: 1.5 },
    { lr: 0.05, beta2Decay: -0.5, eps: [1e-3, 0.1], maximize: true },
  ];
  for (const options of settings)
    it(`follows the published algorithm with ${JSON.stringify(options)}`, () => {
      torch.manualSeed(1);
      const matrix = torch.randn([5, 3], { dtype: 'float64', requiresGrad: true });
      const vector = torch.randn([4], { dtype: 'float64', requiresGrad: true });
      const full = { ...defaults, ...options };
      const plainMatrix = new PlainAdafactor(matrix.tolist() as number[][], true, full);
      const plainVector = new PlainAdafactor([vector.tolist() as number[]], false, full);
      const optimizer = new Adafactor([matrix, vector], options);
      for (let i = 0; i < 20; i++) {
        matrix.grad = torch.randn([5, 3], { dtype: 'float64' });
        vector.grad = torch.randn([4], { dtype: 'float64' });
        plainMatrix.update(matrix.grad.tolist() as number[][]);
        plainVector.update([vector.grad.tolist() as number[]]);
        optimizer.step();
      }
      expect(torch.allclose(matrix.detach(), torch.tensor(plainMatrix.p, { dtype: 'float64' }), 1e-11, 1e-12)).toBe(
        true,
      );
      expect(torch.allclose(vector.detach(), torch.tensor(plainVector.p[0]!, { dtype: 'float64' }), 1e-11, 1e-12)).toBe(
        true,
      );
    });

  it('keeps a row and a column for a matrix, and everything for a vector', () => {
    const params = [[2, 4, 3], [4], []].map((shape) => torch.ones(shape, { requiresGrad: true }));
    for (const param of params) param.grad = torch.ones(param.shape);
    const optimizer = new Adafactor(params);
    optimizer.step();
    const shapes = [...optimizer.stateDict().state.values()].map((state) =>
      Object.fromEntries(Object.entries(state).map(([key, value]) => [key, (value as torch.Tensor).shape])),
    );
    expect(shapes).toEqual([
      { step: [], row_var: [2, 4, 1], col_var: [2, 1, 3] },
      { step: [], variance: [4] },
      { step: [], variance: [] },
    ]);
  });

  it('continues exactly from a saved state', () => {
    torch.manualSeed(2);
    const param = torch.randn([3, 4], { requiresGrad: true });
    const optimizer = new Adafactor([param]);
    const run = (p: torch.Tensor, o: Adafactor, grad: torch.Tensor) => {
      p.grad = grad;
      o.step();
    };
    run(param, optimizer, torch.randn([3, 4]));
    const copy = param.detach().clone().requiresGrad_();
    const second = new Adafactor([copy], { lr: 3 });
    second.loadStateDict(optimizer.stateDict());
    const grad = torch.randn([3, 4]);
    run(param, optimizer, grad);
    run(copy, second, grad);
    expect(copy.equal(param)).toBe(true);
  });

  it('names what is wrong with its arguments', () => {
    const p = torch.ones([2, 2], { requiresGrad: true });
    expect(() => new Adafactor([p], { lr: -1 })).toThrow(/Adafactor: lr must be 0 or more/);
    expect(() => new Adafactor([p], { beta2Decay: 0.1 })).toThrow(/beta2Decay must be 0 or less/);
    expect(() => new Adafactor([p], { eps: [-1, 0] })).toThrow(/eps\[0\]/);
    expect(() => new Adafactor([p], { eps: [null, -1] })).toThrow(/eps\[1\]/);
    expect(() => new Adafactor([p], { d: 0.5 })).toThrow(/d must be 1 or more/);
    expect(() => new Adafactor([torch.ones([2], { dtype: 'complex64' })])).toThrow(/must be real/);
  });
});
