import { describe, expect, it } from 'vitest';
import { autocast } from '../../src/amp/index.js';
import * as torch from '../../src/index.js';
import * as nn from '../../src/nn/index.js';

const fusedOperators = ['aten::_native_multi_head_attention', 'aten::_transformer_encoder_layer_fwd'];

/** Which fused operators `fn` calls. */
function fusedIn(fn: () => unknown): string[] {
  const seen: string[] = [];
  torch.observeOperators(({ operator }) => {
    if (fusedOperators.includes(operator)) seen.push(operator);
  }, fn);
  return seen;
}
const padding = torch.tensor([
  [false, false, false, false, true],
  [false, false, false, false, false],
]);
const source = (dtype: torch.DType = 'float32') => torch.randn([2, 5, 8], { dtype });

describe('the fused operators of evaluation', () => {
  it.each([
    ['post-norm relu', {}],
    ['pre-norm gelu', { normFirst: true, activation: 'gelu' as const }],
    ['post-norm GELU', { activation: new nn.GELU() }],
  ])('give what the layer gives: %s', (_, options) => {
    torch.manualSeed(6);
    for (const dtype of ['float32', 'float64'] as const)
      for (const srcKeyPaddingMask of [null, padding]) {
        const layer = new nn.TransformerEncoderLayer(8, 2, { dimFeedforward: 16, batchFirst: true, ...options });
        layer.to(dtype).eval();
        const x = source(dtype);
        const plain = layer.forward(x, { srcKeyPaddingMask }).detach();
        let fused = plain;
        const seen = fusedIn(() => {
          fused = torch.noGrad(() => layer.forward(x, { srcKeyPaddingMask }));
        });
        expect(seen).toEqual(['aten::_transformer_encoder_layer_fwd']);
        expect(fused.allclose(plain, 1e-5, 1e-6)).toBe(true);
      }
  });

  it('give the attention weights, each head or their mean', () => {
    torch.manualSeed(6);
    const attention = new nn.MultiheadAttention(8, 4, { batchFirst: true });
    attention.eval();
    const x = source();
    for (const averageAttnWeights of [true, false])
      for (const keyPaddingMask of [null, padding]) {
        const masks = { keyPaddingMask, averageAttnWeights };
        const [output, weights] = attention.forward(x, x, x, masks);
        const [fusedOutput, fusedWeights] = torch.noGrad(() => attention.forward(x, x, x, masks));
        expect(fusedOutput.allclose(output, 1e-5, 1e-6)).toBe(true);
        expect(fusedWeights!.allclose(weights!, 1e-5, 1e-6)).toBe(true);
      }
    expect(torch.noGrad(() => attention.forward(x, x, x, { needWeights: false }))[1]).toBeNull();
  });

  it('are left alone where they would compute something else, or go around somebody', () => {
    const x = source();
    const seen = (layer: nn.TransformerEncoderLayer, masks: nn.EncoderMasks = {}) =>
      fusedIn(() => torch.noGrad(() => layer.forward(x, masks)));
    const make = (options: nn.TransformerLayerOptions = {}, heads = 2) => {
      const layer = new nn.TransformerEncoderLayer(8, heads, { dimFeedforward: 16, batchFirst: true, ...options });
      layer.eval();
      return layer;
    };
    expect(seen(make())).toHaveLength(1);
    const trained = make();
    trained.train();
    expect(seen(trained)).toEqual([]);
    expect(seen(make({ batchFirst: false }))).toEqual([]);
    expect(seen(make({}, 1))).toEqual([]);
    expect(seen(make(), { srcMask: torch.zeros([5, 5]) })).toEqual([]);
    expect(seen(make(), { srcKeyPaddingMask: torch.zeros([2, 5]) })).toEqual([]);
    expect(seen(make({ activation: (input) => input.tanh() }))).not.toContain('aten::_transformer_encoder_layer_fwd');
    expect(fusedIn(() => make().forward(x))).toEqual([]);
    expect(fusedIn(() => autocast(() => torch.noGrad(() => make().forward(x))))).toEqual([]);

    const watched = make();
    let calls = 0;
    watched.linear1.registerForwardHook(() => {
      calls += 1;
    });
    expect(seen(watched)).toEqual(['aten::_native_multi_head_attention']);
    expect(calls).toBe(1);
    const other = make();
    (other as { linear2: nn.Linear }).linear2 = new (class extends nn.Linear {})(16, 8);
    expect(seen(other)).toEqual(['aten::_native_multi_head_attention']);
  });
});
