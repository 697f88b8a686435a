import { describe, expect, it } from 'vitest';
import * as torch from '../../src/index.js';
import * as F from '../../src/nn/functional/index.js';
import * as nn from '../../src/nn/index.js';
import { torchErrorOf } from '../encodedTensor.js';

const x = (...shape: number[]) => torch.zeros(shape);
const range = 'ARGUMENT_RANGE';
const kind = 'ARGUMENT_TYPE';
const shape = 'SHAPE_MISMATCH';
const state = 'MODULE_STATE';

const refused: [string, string, RegExp, () => unknown][] = [
  ['Hardtanh with an empty range', range, /maxVal must exceed minVal/, () => new nn.Hardtanh(1, 1)],
  ['Softmax2d of a matrix', shape, /3 or 4 dimensions, got \[2, 3\]/, () => new nn.Softmax2d().forward(x(2, 3))],
  ['Dropout with a probability of 2', range, /from 0 to 1, got 2/, () => new nn.AlphaDropout(2)],
  ['Dropout1d of a vector', shape, /got \[3\]/, () => new nn.Dropout1d().forward(x(3))],
  ['dropout3d of a matrix', shape, /dropout3d expects 5/, () => F.dropout3d(x(2, 3))],
  [
    'ConvTranspose2d whose groups do not divide',
    range,
    /divisible by groups \(2\)/,
    () => new nn.ConvTranspose2d(3, 4, 2, { groups: 2 }),
  ],
  [
    'ConvTranspose2d with another padding mode',
    kind,
    /'zeros' only/,
    () => new nn.ConvTranspose2d(2, 2, 2, { paddingMode: 'reflect' as 'zeros' }),
  ],
  [
    'ConvTranspose1d with a size out of reach',
    range,
    /can be 4 to 4/,
    () => new nn.ConvTranspose1d(1, 1, 2).forward(x(1, 1, 3), { outputSize: [9] }),
  ],
  [
    'ConvTranspose1d with too many sizes',
    shape,
    /1 or 3 entries/,
    () => new nn.ConvTranspose1d(1, 1, 2).forward(x(1, 1, 3), { outputSize: [1, 4] }),
  ],
  ['GroupNorm whose groups do not divide', range, /divisible by numGroups/, () => new nn.GroupNorm(2, 3)],
  [
    'InstanceNorm2d of a line',
    shape,
    /4 dimensions, or 3 without a batch/,
    () => new nn.InstanceNorm2d(2).forward(x(2, 2)),
  ],
  [
    'InstanceNorm1d of single positions',
    shape,
    /more than one position/,
    () => new nn.InstanceNorm1d(2).forward(x(2, 2, 1)),
  ],
  ['LocalResponseNorm of a matrix', shape, /3 or more/, () => new nn.LocalResponseNorm(2).forward(x(2, 2))],
  [
    'MaxUnpool1d to a size that does not fit',
    range,
    /must lie between 2 and 6/,
    () => F.maxUnpool1d(x(1, 1, 2), torch.tensor([[[0, 2]]]), 2, { outputSize: [6] }),
  ],
  [
    'fractional pooling without a size',
    kind,
    /outputSize or outputRatio/,
    () => F.fractionalMaxPool2d(x(1, 4, 4), 2, {}),
  ],
  ['interpolate without a size', kind, /size or scaleFactor/, () => F.interpolate(x(1, 1, 2, 2), {})],
  ['interpolate with both', kind, /one of the two/, () => F.interpolate(x(1, 1, 2, 2), { size: 2, scaleFactor: 2 })],
  [
    'interpolate of a line with bilinear',
    shape,
    /'bilinear' does not go with/,
    () => F.interpolate(x(1, 1, 2), { size: 2, mode: 'bilinear' }),
  ],
  [
    'interpolate nearest with alignCorners',
    kind,
    /alignCorners goes with/,
    () => F.interpolate(x(1, 1, 2), { size: 2, alignCorners: true }),
  ],
  [
    'interpolate nearest with antialias',
    kind,
    /antialias goes with/,
    () => F.interpolate(x(1, 1, 2, 2), { size: 2, antialias: true }),
  ],
  ['interpolate with too many sizes', shape, /needs 1 sizes/, () => F.interpolate(x(1, 1, 2), { size: [2, 2] })],
  [
    'gridSample with an unknown mode',
    kind,
    /got 'cubic'/,
    () => F.gridSample(x(1, 1, 2, 2), x(1, 2, 2, 2), { mode: 'cubic' as 'bicubic' }),
  ],
  [
    'channelShuffle whose groups do not divide',
    shape,
    /divisible by groups \(2\)/,
    () => F.channelShuffle(x(1, 3, 2), 2),
  ],
  [
    'Embedding with a padding row outside',
    'INDEX_OUT_OF_RANGE',
    /paddingIdx is 5/,
    () => new nn.Embedding(5, 2, { paddingIdx: 5 }),
  ],
  [
    'Embedding with a weight of another size',
    shape,
    /must be \[5, 2\], got \[4, 2\]/,
    () => new nn.Embedding(5, 2, { weight: x(4, 2) }),
  ],
  ['EmbeddingBag without offsets', shape, /no offsets/, () => new nn.EmbeddingBag(5, 2).forward(torch.tensor([1, 2]))],
  [
    'embeddingBag with an unknown mode',
    kind,
    /'sum', 'mean' or 'max'/,
    () => F.embeddingBag(torch.tensor([[1]]), x(5, 2), { mode: 'min' as 'max' }),
  ],
  [
    'embeddingBag with weights in mode mean',
    kind,
    /'sum' only/,
    () => F.embeddingBag(torch.tensor([[1]]), x(5, 2), { perSampleWeights: x(1, 1) }),
  ],
  [
    'embeddingBag sparse in mode max',
    kind,
    /neither/,
    () => F.embeddingBag(torch.tensor([[1]]), x(5, 2), { mode: 'max', sparse: true }),
  ],
  [
    'a loss with an unknown reduction',
    kind,
    /'mean', 'sum' or 'none'/,
    () => F.huberLoss(x(2), x(2), { reduction: 'max' as 'sum' }),
  ],
  [
    'gaussianNllLoss with negative variance',
    range,
    /must not be negative/,
    () => F.gaussianNllLoss(x(2), x(2), x(2).sub(1)),
  ],
  [
    'gaussianNllLoss with a variance of another shape',
    shape,
    /variance \[3\]/,
    () => F.gaussianNllLoss(x(2, 2), x(2, 2), x(3)),
  ],
  [
    'multiMarginLoss with p 3',
    range,
    /p must be 1 or 2/,
    () => F.multiMarginLoss(x(2, 2), torch.tensor([0, 1]), { p: 3 as 2 }),
  ],
  [
    'ctcLoss with lengths of two kinds',
    kind,
    /both be arrays/,
    () => F.ctcLoss(x(2, 1, 3), torch.tensor([[1]]), [2], torch.tensor([1])),
  ],
  ['attention whose heads do not divide', range, /divisible by numHeads/, () => new nn.MultiheadAttention(5, 2)],
  [
    'attention with an int mask',
    'DTYPE_MISMATCH',
    /attnMask must be bool/,
    () =>
      new nn.MultiheadAttention(2, 1).forward(x(3, 1, 2), x(3, 1, 2), x(3, 1, 2), {
        attnMask: torch.zeros([3, 3], { dtype: 'int64' }),
      }),
  ],
  [
    'attention with a mask of another size',
    shape,
    /attnMask must be \[3, 3\]/,
    () => new nn.MultiheadAttention(2, 1).forward(x(3, 1, 2), x(3, 1, 2), x(3, 1, 2), { attnMask: x(2, 3) }),
  ],
  [
    'attention with padding of another size',
    shape,
    /keyPaddingMask must be \[1, 3\]/,
    () => new nn.MultiheadAttention(2, 1).forward(x(3, 1, 2), x(3, 1, 2), x(3, 1, 2), { keyPaddingMask: x(1, 2) }),
  ],
  [
    'causal attention with a mask',
    kind,
    /leave attnMask out/,
    () => F.scaledDotProductAttention(x(2, 2), x(2, 2), x(2, 2), { isCausal: true, attnMask: x(2, 2) }),
  ],
  [
    'a transformer layer with an unknown activation',
    kind,
    /'relu', 'gelu'/,
    () => new nn.TransformerEncoderLayer(2, 1, { activation: 'tanh' as 'relu' }),
  ],
  [
    'Transformer with other features',
    shape,
    /4 features/,
    () =>
      new nn.Transformer({ dModel: 4, nhead: 1, numEncoderLayers: 1, numDecoderLayers: 1, dimFeedforward: 2 }).forward(
        x(2, 1, 3),
        x(2, 1, 4),
      ),
  ],
  ['weightNorm twice', state, /computed already/, () => nn.weightNorm(nn.weightNorm(new nn.Linear(1, 1)))],
  [
    'weightNorm of nothing',
    state,
    /no parameter in the field 'weights'/,
    () => nn.weightNorm(new nn.Linear(1, 1), 'weights'),
  ],
  ['removeWeightNorm where there is none', state, /no weight norm/, () => nn.removeWeightNorm(new nn.Linear(1, 1))],
  [
    'removeSpectralNorm where there is none',
    state,
    /no spectral norm/,
    () => nn.removeSpectralNorm(new nn.Linear(1, 1)),
  ],
  [
    'spectralNorm without iterations',
    range,
    /must be positive/,
    () => nn.spectralNorm(new nn.Linear(1, 1), 'weight', { nPowerIterations: 0 }),
  ],
  [
    'pruning more than there is',
    range,
    /only 1 to prune/,
    () => nn.prune.l1Unstructured(new nn.Linear(1, 1), 'weight', 2),
  ],
  [
    'pruning a negative amount',
    range,
    /from 0 to below 1/,
    () => nn.prune.l1Unstructured(new nn.Linear(1, 1), 'weight', -1),
  ],
  [
    'structured pruning of a vector',
    shape,
    /two dimensions or more/,
    () => nn.prune.lnStructured(new nn.Linear(1, 1), 'bias', 1, 2, 0),
  ],
  [
    'a mask of another shape',
    shape,
    /the mask \[2\]/,
    () => nn.prune.customFromMask(new nn.Linear(1, 1), 'bias', x(2)),
  ],
  [
    'removing a pruning where there is none',
    state,
    /is not pruned/,
    () => nn.prune.remove(new nn.Linear(1, 1), 'weight'),
  ],
  [
    'fusing layers in training',
    state,
    /call eval\(\) first/,
    () => nn.fuseConvBnEval(new nn.Conv1d(1, 1, 1), new nn.BatchNorm1d(1)),
  ],
  [
    'fusing a norm without statistics',
    state,
    /without running statistics/,
    () => nn.fuseLinearBnEval(new nn.Linear(1, 1).eval(), new nn.BatchNorm1d(1, { trackRunningStats: false }).eval()),
  ],
  [
    'LazyConv2d of a matrix',
    shape,
    /4 dimensions, or 3 without a batch/,
    () => new nn.LazyConv2d(1, 1).forward(x(2, 2)),
  ],
];

describe('layers refuse what they cannot do, and say why', () => {
  it.each(refused)('%s', (_, code, message, act) => {
    const error = torchErrorOf(act);
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });
});
