import { afterEach, describe, expect, it, vi } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import * as torch from './index.js';
import { AnomalyError, type FunctionContext, type Tensor } from './index.js';

/** A function of its own, to find it in the stack. */
function badRoot(x: Tensor): Tensor {
  return x.sqrt();
}
const negative = () => torch.tensor([-1.5, 4], { requiresGrad: true });

describe('detectAnomaly', () => {
  afterEach(() => {
    expect(torch.isAnomalyEnabled()).toBe(false);
  });

  it('names the forward call whose backward gave NaN', () => {
    const error = torchErrorOf(() => torch.detectAnomaly(() => badRoot(negative()).sum().backward()));
    expect(error).toBeInstanceOf(AnomalyError);
    const { code, node, operator, forwardStack, message } = error as AnomalyError;
    expect([code, node, operator]).toEqual(['ANOMALY', 'SqrtBackward0', 'sqrt']);
    expect(forwardStack.split('\n')[0]).toMatch(/at badRoot .*anomaly\.test/);
    expect(message).toContain(forwardStack.split('\n')[0]);
  });

  it('lets NaN pass with checkNan false, and outside', () => {
    const x = negative();
    torch.detectAnomaly(
      () => {
        expect([torch.isAnomalyEnabled(), torch.isAnomalyCheckNanEnabled()]).toEqual([true, false]);
        badRoot(x).sum().backward();
      },
      { checkNan: false },
    );
    badRoot(x).sum().backward();
    expect(x.grad!.isnan().tolist()).toEqual([true, false]);
  });

  it('shows the forward call of other failures too, and keeps their code', () => {
    const error = torchErrorOf(() =>
      torch.detectAnomaly(() => {
        const y = torch.ones([2], { requiresGrad: true }).exp();
        y.add_(1);
        y.sum().backward();
      }),
    ) as AnomalyError;
    expect([error.code, error.operator]).toEqual(['AUTOGRAD', 'exp']);
    expect(error.forwardStack).toMatch(/anomaly\.test/);
  });

  it('follows a step that a backward recorded back to the forward', () => {
    const error = torchErrorOf(() =>
      torch.detectAnomaly(() => {
        const x = torch.tensor([0], { dtype: 'float64', requiresGrad: true });
        const [first] = torch.grad(x.pow(1.5).sum(), x, { createGraph: true });
        torch.grad(first!.mul(Number.POSITIVE_INFINITY).mul(0).sum(), x);
      }),
    ) as AnomalyError;
    expect(error.code).toBe('ANOMALY');
    expect(error.forwardStack).toMatch(/at /);
  });

  it('leaves an error of a TypeScript backward as it is, and tells of the forward call beside it', () => {
    const failure = new Error('no derivative today');
    class Broken extends torch.Function {
      static forward(_: FunctionContext, x: Tensor): Tensor {
        return x.mul(2);
      }
      static backward(): Tensor {
        throw failure;
      }
    }
    const emit = vi.spyOn(process, 'emitWarning').mockImplementation(() => {});
    const x = torch.ones([2], { requiresGrad: true });
    expect(() => torch.detectAnomaly(() => Broken.apply(x).sum().backward())).toThrow(failure);
    expect(emit.mock.calls[0]![0]).toMatch(/backward of BrokenBackward.*\n.*at /);
    emit.mockRestore();
    // and nothing of it sticks to the next error
    expect(torchErrorOf(() => torch.ones([2]).matmul(torch.ones([3])))).not.toBeInstanceOf(AnomalyError);
  });

  it('nests, and can be set without a block', () => {
    torch.detectAnomaly(() => {
      torch.detectAnomaly(() => expect(torch.isAnomalyCheckNanEnabled()).toBe(false), { checkNan: false });
      expect(torch.isAnomalyCheckNanEnabled()).toBe(true);
    });
    torch.setDetectAnomaly(true);
    expect(torchErrorOf(() => badRoot(negative()).sum().backward()).code).toBe('ANOMALY');
    torch.setDetectAnomaly(false);
    expect(torchErrorOf(() => torch.detectAnomaly(async () => 0)).code).toBe('AUTOGRAD');
  });

  it('holds no tensor by what it remembers', () => {
    const live = () => {
      torch.memory.collect();
      torch.memory.collect();
      return torch.memory.stats().liveTensors;
    };
    const base = live();
    for (let i = 0; i < 10; i++) torchErrorOf(() => torch.detectAnomaly(() => badRoot(negative()).sum().backward()));
    expect(live()).toBe(base);
  });
});
