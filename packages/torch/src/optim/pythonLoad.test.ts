import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import { loadSync, saveSync } from '../serialize/index.js';
import * as optim from './index.js';

const python = (() => {
  try {
    execFileSync('/usr/bin/python3', ['-c', 'import torch'], { stdio: 'ignore' });
    return '/usr/bin/python3';
  } catch {
    return null;
  }
})();
const scratch = mkdtempSync(join(tmpdir(), 'optimizer-state-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

type Params = [torch.Tensor, torch.Tensor];
const cases: Record<string, (params: torch.Tensor[]) => optim.Optimizer> = {
  SGD: (params) => new optim.SGD(params, { lr: 0.05, momentum: 0.9, nesterov: true }),
  Adam: (params) => new optim.Adam(params, { amsgrad: true, weightDecay: 0.1 }),
  AdamW: (params) => new optim.AdamW(params, { lr: 0.01 }),
  RMSprop: (params) => new optim.RMSprop(params, { momentum: 0.8, centered: true }),
  Adagrad: (params) => new optim.Adagrad(params, { lrDecay: 0.1, initialAccumulatorValue: 0.2 }),
  Adadelta: (params) => new optim.Adadelta(params, { rho: 0.8 }),
  Adamax: (params) => new optim.Adamax(params, { lr: 0.01 }),
  NAdam: (params) => new optim.NAdam(params, { momentumDecay: 0.1 }),
  RAdam: (params) => new optim.RAdam(params, { lr: 0.01, betas: [0.9, 0.9] }),
  ASGD: (params) => new optim.ASGD(params, { lr: 0.05, t0: 2 }),
  Rprop: (params) => new optim.Rprop(params, { etas: [0.4, 1.3] }),
  LBFGS: (params) => new optim.LBFGS(params, { lineSearchFn: 'strong_wolfe', maxIter: 3, historySize: 4 }),
};

/** A smooth loss whose gradients are never zero at the start. */
function steps([x, y]: Params, optimizer: optim.Optimizer, count: number): void {
  for (let i = 0; i < count; i++)
    optimizer.step(() => {
      optimizer.zeroGrad();
      const loss = x.mul(x).sum().add(y.cosh().sum());
      loss.backward();
      return loss;
    });
}
const script = `
import copy, json, sys, torch
def steps(params, optimizer, count):
    def closure():
        optimizer.zero_grad()
        loss = (params[0] * params[0]).sum() + params[1].cosh().sum()
        loss.backward()
        return loss
    for _ in range(count):
        optimizer.step(closure)
ours, back, values = torch.load(sys.argv[1]), {}, {}
for name, saved in ours.items():
    params = [p.clone().requires_grad_() for p in saved["params"]]
    optimizer = getattr(torch.optim, name)(params, lr=3.0)
    optimizer.load_state_dict(saved["state"])
    steps(params, optimizer, 3)
    values[name] = [[p.tolist() for p in params]]
    # a copy: the next steps change the state in place
    back[name] = copy.deepcopy({"params": [p.detach() for p in params], "state": optimizer.state_dict()})
    steps(params, optimizer, 3)
    values[name].append([p.tolist() for p in params])
torch.save(back, sys.argv[2])
print(json.dumps(values))
`;
const values = (params: torch.Tensor[]) => params.map((param) => param.detach().tolist());

// Without a Python that has torch this cannot run; the comparison of keys with the fixtures stands in for it.
describe.skipIf(python === null)('Python and we', () => {
  it('continue exactly from each other’s optimizer states', () => {
    const running: Record<string, { params: Params; optimizer: optim.Optimizer }> = {};
    const saved: Record<string, unknown> = {};
    for (const [name, make] of Object.entries(cases)) {
      torch.manualSeed(4);
      const params: Params = [torch.randn([9], { requiresGrad: true }), torch.randn([2, 3], { requiresGrad: true })];
      const optimizer = make(params);
      steps(params, optimizer, 3);
      running[name] = { params, optimizer };
      saved[name] = { params: params.map((param) => param.detach()), state: optimizer.stateDict() };
    }
    const [ours, theirs] = [join(scratch, 'ours.pt'), join(scratch, 'theirs.pt')];
    saveSync(saved, ours);
    const results = JSON.parse(
      execFileSync(python as string, ['-c', script, ours, theirs], { encoding: 'utf8' }),
    ) as Record<string, unknown[]>;
    const back = loadSync(theirs) as Record<
      string,
      { params: torch.Tensor[]; state: Parameters<optim.Optimizer['loadStateDict']>[0] }
    >;
    for (const [name, make] of Object.entries(cases)) {
      const { params, optimizer } = running[name]!;
      steps(params, optimizer, 3);
      expect(values(params), `${name}: Python after our state`).toEqual(results[name]![0]);

      const copies = back[name]!.params.map((param) => param.clone().requiresGrad_()) as Params;
      const second = make(copies);
      second.loadStateDict(back[name]!.state);
      steps(copies, second, 3);
      expect(values(copies), `${name}: we after Python's state`).toEqual(results[name]![1]);
    }
  });
});
