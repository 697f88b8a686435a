import { ones, zeros } from '../../creation.js';
import { TorchError } from '../../errors.js';
import * as torch from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import { softmax } from './activation.js';

const sizes = (tensor: Tensor): string => `[${tensor.shape.join(', ')}]`;

export interface ScaledDotProductAttentionOptions {
  /** Added to the scores, or bool with true where attention is allowed; broadcast to [..., targets, sources]. */
  attnMask?: Tensor | null;
  /** Dropout of the attention weights; default 0. */
  dropoutP?: number;
  /** Each target attends to the sources up to its own place; default false. */
  isCausal?: boolean;
  /** Factor of the scores; default 1 / √features. */
  scale?: number;
}

/** softmax(Q Kᵀ · scale + mask) V: queries [..., targets, E], keys [..., sources, E], values [..., sources, V] → [..., targets, V]. */
export function scaledDotProductAttention(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  options: ScaledDotProductAttentionOptions = {},
): Tensor {
  const { attnMask = null, dropoutP = 0, isCausal = false, scale } = options;
  if (isCausal && attnMask !== null)
    throw new TorchError('ARGUMENT_TYPE', 'isCausal makes a mask of its own; leave attnMask out');
  const scaled = scale === undefined ? query.div(Math.sqrt(query.size(-1))) : query.mul(scale);
  let mask = attnMask;
  if (isCausal) mask = ones([query.size(-2), key.size(-2)], { dtype: 'bool', device: query.device }).tril();
  if (mask !== null && mask.dtype === 'bool') mask = floatMask(mask.logicalNot(), query);
  let scores = torch.matmul(scaled, key.mT);
  if (mask !== null) scores = scores.add(mask);
  let weights = softmax(scores, -1);
  if (dropoutP > 0) weights = torch.dropout(weights, dropoutP, true);
  return torch.matmul(weights, value);
}

/** −∞ where the mask is true, 0 elsewhere. */
const floatMask = (mask: Tensor, like: Tensor): Tensor =>
  zeros(mask.shape, { dtype: like.dtype, device: mask.device }).maskedFill_(mask, Number.NEGATIVE_INFINITY);

export interface AttentionProjections {
  numHeads: number;
  /** Weights of queries, keys and values on top of each other [3 · E, E]; or the three separate ones. */
  inProjWeight: Tensor | null;
  qProjWeight?: Tensor | null; // [E, E]
  kProjWeight?: Tensor | null; // [E, kdim]
  vProjWeight?: Tensor | null; // [E, vdim]
  inProjBias: Tensor | null; // [3 · E]
  /** One more key and value for every sequence [1, 1, E]. */
  biasK?: Tensor | null;
  biasV?: Tensor | null;
  /** One more key and value of zeros; default false. */
  addZeroAttn?: boolean;
  outProjWeight: Tensor; // [E, E]
  outProjBias: Tensor | null; // [E]
  /** Dropout of the attention weights while training; default 0. */
  dropoutP?: number;
  /** Default true. */
  training?: boolean;
}

export interface AttentionMasks {
  /** [batch, sources]: bool with true for keys to leave out, or floats that are added. */
  keyPaddingMask?: Tensor | null;
  /** [targets, sources] or [batch · heads, targets, sources]: bool with true for pairs to leave out, or floats that are added. */
  attnMask?: Tensor | null;
  /** Return the attention weights too; default true. */
  needWeights?: boolean;
  /** The mean of the weights over the heads rather than each; default true. */
  averageAttnWeights?: boolean;
}

function project(query: Tensor, key: Tensor, value: Tensor, weights: AttentionProjections): Tensor[] {
  const { inProjWeight, inProjBias } = weights;
  const biases = inProjBias === null ? [null, null, null] : inProjBias.chunk(3);
  if (inProjWeight === null) {
    const separate = [weights.qProjWeight, weights.kProjWeight, weights.vProjWeight];
    return [query, key, value].map((input, i) => {
      const weight = separate[i];
      if (!weight)
        throw new TorchError(
          'ARGUMENT_TYPE',
          'attention needs inProjWeight, or qProjWeight, kProjWeight and vProjWeight',
        );
      return torch.linear(input, weight, biases[i]!);
    });
  }
  if (key === value && query === key) return torch.linear(query, inProjWeight, inProjBias).chunk(3, -1);
  const size = query.size(-1);
  if (key === value) {
    const [ofQuery, ofRest] = inProjWeight.splitWithSizes([size, 2 * size]) as [Tensor, Tensor];
    const [biasOfQuery, biasOfRest] =
      inProjBias === null ? [null, null] : (inProjBias.splitWithSizes([size, 2 * size]) as [Tensor, Tensor]);
    return [torch.linear(query, ofQuery, biasOfQuery), ...torch.linear(key, ofRest, biasOfRest).chunk(2, -1)];
  }
  const parts = inProjWeight.chunk(3);
  return [query, key, value].map((input, i) => torch.linear(input, parts[i]!, biases[i]!));
}

function checkMask(name: string, mask: Tensor | null): void {
  if (mask !== null && mask.dtype !== 'bool' && !mask.isFloatingPoint())
    throw new TorchError('DTYPE_MISMATCH', `${name} must be bool or floating point, got ${mask.dtype}`);
}

/** One mask [batch · heads or 1, targets or 1, sources] of floats to add, from both masks. */
function joinedMask(
  attnMask: Tensor | null,
  padding: Tensor | null,
  batch: number,
  heads: number,
  like: Tensor,
): Tensor | null {
  let mask = attnMask;
  if (padding !== null) {
    const sources = padding.size(1);
    const wide = padding
      .view([batch, 1, 1, sources])
      .expand([-1, heads, -1, -1])
      .reshape([batch * heads, 1, sources]);
    if (mask === null) mask = wide;
    else if (wide.dtype === 'bool')
      mask = mask.dtype === 'bool' ? mask.logicalOr(wide) : mask.maskedFill(wide, Number.NEGATIVE_INFINITY);
    else mask = (mask.dtype === 'bool' ? floatMask(mask, like) : mask).add(wide);
  }
  return mask !== null && mask.dtype === 'bool' ? floatMask(mask, like) : mask;
}

/**
 * Attention in several heads (Vaswani et al. 2017): queries [targets, batch, E], keys [sources, batch, kdim], values
 * [sources, batch, vdim] → [targets, batch, E] and the weights [batch, targets, sources]; all without the batch too.
 */
export function multiHeadAttentionForward(
  query: Tensor,
  key: Tensor,
  value: Tensor,
  weights: AttentionProjections,
  masks: AttentionMasks = {},
): [output: Tensor, weights: Tensor | null] {
  const { numHeads, addZeroAttn = false, dropoutP = 0, training = true } = weights;
  const { needWeights = true, averageAttnWeights = true } = masks;
  let { keyPaddingMask: padding = null, attnMask = null } = masks;
  checkMask('keyPaddingMask', padding);
  checkMask('attnMask', attnMask);
  if (![2, 3].includes(query.dim()) || key.dim() !== query.dim() || value.dim() !== query.dim())
    throw new TorchError(
      'SHAPE_MISMATCH',
      `attention expects queries, keys and values of 3 dimensions, or 2 without a batch; got ${sizes(query)}, ${sizes(key)} and ${sizes(value)}`,
    );
  if (query.dim() === 2) {
    const batchOf = new Map([query, key, value].map((input) => [input, input.unsqueeze(1)]));
    const [output, attention] = multiHeadAttentionForward(
      batchOf.get(query)!,
      batchOf.get(key)!,
      batchOf.get(value)!,
      weights,
      {
        ...masks,
        keyPaddingMask: padding?.unsqueeze(0) ?? null,
      },
    );
    return [output.squeeze(1), attention?.squeeze(0) ?? null];
  }
  const [targets, batch, features] = query.shape as [number, number, number];
  const headSize = features / numHeads;
  if (!Number.isInteger(headSize))
    throw new TorchError('SHAPE_MISMATCH', `${features} features cannot be split among ${numHeads} heads`);
  const sourcesGiven = key.size(0);
  if (String(key.shape.slice(0, 2)) !== String(value.shape.slice(0, 2)))
    throw new TorchError(
      'SHAPE_MISMATCH',
      `keys ${sizes(key)} and values ${sizes(value)} must agree in length and batch`,
    );
  if (attnMask !== null) {
    const wanted = attnMask.dim() === 2 ? [targets, sourcesGiven] : [batch * numHeads, targets, sourcesGiven];
    if (String(attnMask.shape) !== String(wanted))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `attnMask must be [${targets}, ${sourcesGiven}] or [${batch * numHeads}, ${targets}, ${sourcesGiven}], got ${sizes(attnMask)}`,
      );
    if (attnMask.dim() === 2) attnMask = attnMask.unsqueeze(0);
  }
  if (padding !== null && String(padding.shape) !== String([batch, sourcesGiven]))
    throw new TorchError('SHAPE_MISMATCH', `keyPaddingMask must be [${batch}, ${sourcesGiven}], got ${sizes(padding)}`);
  let [q, k, v] = project(query, key, value, weights) as [Tensor, Tensor, Tensor];
  const widenMasks = () => {
    if (attnMask !== null) attnMask = torch.pad(attnMask, [0, 1]);
    if (padding !== null) padding = torch.pad(padding, [0, 1]);
  };
  if (weights.biasK && weights.biasV) {
    k = torch.cat([k, weights.biasK.repeat([1, batch, 1])]);
    v = torch.cat([v, weights.biasV.repeat([1, batch, 1])]);
    widenMasks();
  }
  const heads = (input: Tensor) =>
    input
      .contiguous()
      .view([input.size(0), batch * numHeads, headSize])
      .transpose(0, 1);
  [q, k, v] = [heads(q), heads(k), heads(v)];
  if (addZeroAttn) {
    const zero = zeros([batch * numHeads, 1, headSize], { dtype: k.dtype, device: k.device });
    k = torch.cat([k, zero], 1);
    v = torch.cat([v, zero], 1);
    widenMasks();
  }
  const mask = joinedMask(attnMask, padding, batch, numHeads, q);
  const scaled = q.div(Math.sqrt(headSize));
  const scores =
    mask === null ? torch.bmm(scaled, k.transpose(-2, -1)) : torch.baddbmm(mask, scaled, k.transpose(-2, -1));
  let attention = softmax(scores, -1);
  if (training && dropoutP > 0) attention = torch.dropout(attention, dropoutP, true);
  const joined = torch
    .bmm(attention, v)
    .transpose(0, 1)
    .contiguous()
    .view([targets * batch, features]);
  const output = torch.linear(joined, weights.outProjWeight, weights.outProjBias).view([targets, batch, -1]);
  if (!needWeights) return [output, null];
  const perHead = attention.view([batch, numHeads, targets, k.size(1)]);
  return [output, averageAttnWeights ? perHead.sum([1]).div(numHeads) : perHead];
}
