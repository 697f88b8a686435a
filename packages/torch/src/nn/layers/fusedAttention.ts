import { isGradEnabled } from '../../autograd.js';
import { invokeN } from '../../dispatch.js';
import { native } from '../../native.js';
import { operatorId } from '../../operatorId.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';

// The engine's fused operators for attention in evaluation: one call for what takes a dozen, with equal results up to
// rounding. PyTorch takes them under the same conditions.

const attentionId = operatorId('aten::_native_multi_head_attention');
const encoderLayerId = operatorId('aten::_transformer_encoder_layer_fwd');

/** How the operators number the kinds of masks: this is one of keys. */
const keyMask = 1;
/** Left out, not null: an undefined tensor is a mask to these operators. */
const maskOf = (padding: Tensor | null): Tensor | undefined => padding ?? undefined;

/**
 * Whether a fused operator may stand for the layers: nothing of it is to be recorded, traced or run in lower precision,
 * and nobody watches the `parts` that it goes around.
 */
export function mayFuse(input: Tensor, weights: (Tensor | null)[], parts: readonly Module[]): boolean {
  const { dtype } = input;
  const device = input.device.type;
  if ((dtype !== 'float32' && dtype !== 'float64') || (device !== 'cpu' && device !== 'cuda')) return false;
  if (weights.some((weight) => weight === null || weight.dtype !== dtype)) return false;
  if (isGradEnabled() && (input.requiresGrad || weights.some((weight) => weight!.requiresGrad))) return false;
  // Hooks give a module a forward of its own.
  if (parts.some((part) => Object.hasOwn(part, 'forward'))) return false;
  return !native.isTracing() && !native.isAutocastEnabled(device);
}

export interface FusedAttention {
  embedDim: number;
  numHeads: number;
  inProjWeight: Tensor | null;
  inProjBias: Tensor | null;
  outProj: { weight: Tensor; bias: Tensor | null };
}

/** [batch, length, embedDim] attends to itself; `padding` [batch, length] is bool with true for places to leave out. */
export const fusedSelfAttention = (
  input: Tensor,
  { embedDim, numHeads, inProjWeight, inProjBias, outProj }: FusedAttention,
  padding: Tensor | null,
  needWeights: boolean,
  averageWeights: boolean,
): [output: Tensor, weights: Tensor | null] =>
  invokeN(attentionId, [
    input,
    input,
    input,
    embedDim,
    numHeads,
    inProjWeight,
    inProjBias,
    outProj.weight,
    outProj.bias,
    maskOf(padding),
    needWeights,
    averageWeights,
    padding === null ? undefined : keyMask,
  ]) as [Tensor, Tensor | null];

export interface FusedEncoderLayer {
  attention: FusedAttention;
  usesGelu: boolean;
  normFirst: boolean;
  eps: number;
  /** Weights and biases of both norms, then of both linear layers. */
  rest: (Tensor | null)[];
}

/** A whole encoder layer on [batch, length, embedDim]. */
export const fusedEncoderLayer = (src: Tensor, layer: FusedEncoderLayer, padding: Tensor | null): Tensor => {
  const { embedDim, numHeads, inProjWeight, inProjBias, outProj } = layer.attention;
  return invokeN(encoderLayerId, [
    src,
    embedDim,
    numHeads,
    inProjWeight,
    inProjBias,
    outProj.weight,
    outProj.bias,
    layer.usesGelu,
    layer.normFirst,
    layer.eps,
    ...layer.rest,
    maskOf(padding),
    padding === null ? undefined : keyMask,
  ]) as Tensor;
};
