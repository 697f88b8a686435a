import { beforeAll, describe, expect, it, vi } from 'vitest';
import { type EncodedTensor, expectSameBits, readFixture, torchErrorOf } from '../../test/encodedTensor.js';
import * as torch from '../index.js';
import { ops } from '../ops.js';
import { Adam, SGD } from '../optim/index.js';
import { GradScaler, type GradScalerState } from './index.js';

interface ScalerCase {
  settings: Record<string, number>;
  pattern: string;
  trace: [scale: number, tracker: number][];
  state: GradScalerState;
  params: EncodedTensor[];
}
const { cases } = readFixture<{ cases: ScalerCase[] }>('amp/scaler.json');
const camel = (settings: Record<string, number>) =>
  Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key.replace(/_(.)/g, (_, c: string) => c.toUpperCase()), value]),
  );

const loss = () => torch.ones([], { requiresGrad: true });
const codeOf = (fn: () => unknown) => torchErrorOf(fn).code;

describe('GradScaler', () => {
  beforeAll(() => torch.setNumThreads(1));

  for (const { settings, pattern, trace, state, params } of cases)
    it(`scales, skips and grows as Python does: ${JSON.stringify(settings)} on ${pattern}`, () => {
      torch.manualSeed(5);
      const own = [torch.randn([4], { requiresGrad: true }), torch.randn([2, 3], { requiresGrad: true })] as const;
      const optimizer = new Adam(own, { lr: 0.1 });
      const scaler = new GradScaler({ device: 'cpu', ...camel(settings) });
      scaler.scale(loss());
      for (const [i, kind] of [...pattern].entries()) {
        const scale = scaler.getScale();
        for (const p of own) p.grad = torch.randn(p.shape).mul(Math.min(scale, 1e30));
        if ('iI'.includes(kind)) own[1].grad!.setAt([0, 1], kind === 'i' ? Infinity : -Infinity);
        if (kind === 'n') own[0].grad!.setAt([2], Number.NaN);
        if (i % 3 === 0) scaler.unscale_(optimizer);
        scaler.step(optimizer);
        scaler.update();
        const now = scaler.stateDict();
        expect([now.scale, now._growth_tracker]).toEqual(trace[i]);
      }
      expect(scaler.stateDict()).toEqual(state);
      for (const [i, p] of own.entries()) expectSameBits(p, params[i]!);
    });

  it('keeps gradients the same as without it, and scales nested outputs', () => {
    const w = torch.tensor([0.5, -2], { requiresGrad: true });
    const scaler = new GradScaler({ device: 'cpu', initScale: 128 });
    const scaled = scaler.scale({ loss: w.pow(2).sum(), parts: [w.sum(), new Map([['w', w]])] });
    expect(scaled.loss.item()).toBe(4.25 * 128);
    expect((scaled.parts[1] as Map<string, torch.Tensor>).get('w')!.tolist()).toEqual([64, -256]);
    scaled.loss.backward();
    scaler.unscale_(new SGD([w], { lr: 0.1 }));
    expect(w.grad!.tolist()).toEqual([1, -4]);
    expect(codeOf(() => scaler.scale({ loss: 3 }))).toBe('GRAD_SCALER');
  });

  it('unscales sparse gradients', () => {
    const w = torch.zeros([4], { requiresGrad: true });
    const scaler = new GradScaler({ device: 'cpu', initScale: 4 });
    scaler.scale(loss());
    const indices = torch.tensor([[0, 2]]);
    w.grad = ops.aten.sparseCooTensor(indices, torch.tensor([8, -4], { dtype: 'float32' }), [4]) as torch.Tensor;
    const optimizer = new SGD([w], { lr: 1 });
    scaler.step(optimizer);
    expect(w.tolist()).toEqual([-2, 0, 1, 0]);
  });

  it('takes over a state of Python, before and after its first scale', () => {
    const state = { scale: 8, growth_factor: 3, backoff_factor: 0.1, growth_interval: 7, _growth_tracker: 5 };
    const scaler = new GradScaler({ device: 'cpu' });
    scaler.loadStateDict(state);
    expect(scaler.stateDict()).toEqual(state);
    scaler.scale(loss());
    expect(scaler.stateDict()).toEqual(state);
    const second = new GradScaler({ device: 'cpu' });
    second.scale(loss());
    second.loadStateDict(state);
    expect(second.stateDict()).toEqual(state);
    expect(codeOf(() => second.loadStateDict({}))).toBe('GRAD_SCALER');
    second.update(32);
    expect(second.getScale()).toBe(32);
  });

  it('refuses calls out of order', () => {
    const w = torch.ones([2], { requiresGrad: true });
    const optimizer = new SGD([w], { lr: 0.1 });
    const scaler = new GradScaler({ device: 'cpu' });
    expect(codeOf(() => scaler.step(optimizer))).toBe('GRAD_SCALER');
    expect(codeOf(() => scaler.update())).toBe('GRAD_SCALER');
    scaler.scale(w.sum()).backward();
    expect(torchErrorOf(() => scaler.update()).message).toMatch(/no gradient was checked/);
    scaler.unscale_(optimizer);
    expect(torchErrorOf(() => scaler.unscale_(optimizer)).message).toMatch(/already/);
    scaler.step(optimizer);
    expect(torchErrorOf(() => scaler.step(optimizer)).message).toMatch(/already/);
    expect(torchErrorOf(() => scaler.unscale_(optimizer)).message).toMatch(/after step/);
    scaler.update();
    expect(codeOf(() => scaler.step(optimizer, () => null))).toBe('GRAD_SCALER');
    w.grad = null;
    expect(torchErrorOf(() => scaler.step(optimizer)).message).toMatch(/no gradient was checked/);
    w.data = w.data.half();
    w.grad = torch.ones([2], { dtype: 'float16' });
    expect(torchErrorOf(() => scaler.unscale_(optimizer)).message).toMatch(/float16/);
    expect(codeOf(() => new GradScaler({ device: 'cpu', growthFactor: 1 }))).toBe('GRAD_SCALER');
    expect(codeOf(() => new GradScaler({ device: 'cpu', backoffFactor: 1 }))).toBe('GRAD_SCALER');
  });

  it('passes everything through when disabled, and disables itself where its device is absent', () => {
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    for (const scaler of [new GradScaler({ enabled: false }), new GradScaler({ device: 'cuda' })]) {
      if (scaler.device === 'cuda' && torch.cuda.isAvailable()) continue;
      const w = torch.ones([1], { requiresGrad: true });
      const optimizer = new SGD([w], { lr: 0.5 });
      scaler.scale(w.sum()).backward();
      scaler.unscale_(optimizer);
      scaler.step(optimizer, () => null);
      scaler.update();
      expect([w.item(), scaler.getScale(), scaler.isEnabled()]).toEqual([0.5, 1, false]);
      expect(scaler.stateDict()).toEqual({});
    }
    if (!torch.cuda.isAvailable())
      expect(emit).toHaveBeenCalledWith(
        expect.stringMatching(/cuda/),
        expect.objectContaining({ code: 'GRAD_SCALER_DISABLED' }),
      );
    emit.mockRestore();
  });
});
