import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import { type AttentionMasks, multiHeadAttentionForward } from '../functional/attention.js';
import { xavierNormal_, xavierUniform_, zeros_ } from '../init.js';
import { Module } from '../module.js';
import { fusedSelfAttention, mayFuse } from './fusedAttention.js';
import { Linear } from './linear.js';

export interface MultiheadAttentionOptions {
  /** Dropout of the attention weights; default 0. */
  dropout?: number;
  /** Default true. */
  bias?: boolean;
  /** One more learned key and value for every sequence; default false. */
  addBiasKv?: boolean;
  /** One more key and value of zeros; default false. */
  addZeroAttn?: boolean;
  /** Features of the keys; default embedDim. */
  kdim?: number;
  /** Features of the values; default embedDim. */
  vdim?: number;
  /** [batch, length, features] instead of [length, batch, features]; default false. */
  batchFirst?: boolean;
}

/** A linear layer under the name that it has in Python's print. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention in several heads (Vaswani et al. 2017): queries [targets, batch, embedDim], keys [sources, batch, kdim],
 * values [sources, batch, vdim] → [targets, batch, embedDim] and the attention weights [batch, targets, sources].
 *
 * Attention to itself in evaluation without gradients, with `batchFirst` and at most a bool padding mask, is one fused
 * operator of the engine, with equal results up to rounding.
 */
export class MultiheadAttention extends Module {
  readonly qProjWeight: Parameter | null; // [embedDim, embedDim]; these three when kdim or vdim differs
  readonly kProjWeight: Parameter | null; // [embedDim, kdim]
  readonly vProjWeight: Parameter | null; // [embedDim, vdim]
  readonly inProjWeight: Parameter | null; // [3 · embedDim, embedDim]
  readonly inProjBias: Parameter | null; // [3 · embedDim]
  readonly biasK: Parameter | null; // [1, 1, embedDim]
  readonly biasV: Parameter | null; // [1, 1, embedDim]
  readonly outProj: Linear;
  readonly dropout: number;
  readonly addZeroAttn: boolean;
  readonly batchFirst: boolean;

  constructor(
    readonly embedDim: number,
    readonly numHeads: number,
    options: MultiheadAttentionOptions = {},
  ) {
    super();
    const {
      dropout = 0,
      bias = true,
      addBiasKv = false,
      addZeroAttn = false,
      kdim = embedDim,
      vdim = embedDim,
      batchFirst = false,
    } = options;
    if (embedDim % numHeads !== 0)
      throw new TorchError('ARGUMENT_RANGE', `embedDim (${embedDim}) must be divisible by numHeads (${numHeads})`);
    this.dropout = dropout;
    this.addZeroAttn = addZeroAttn;
    this.batchFirst = batchFirst;
    const isPacked = kdim === embedDim && vdim === embedDim;
    this.qProjWeight = isPacked ? null : new Parameter(empty([embedDim, embedDim]));
    this.kProjWeight = isPacked ? null : new Parameter(empty([embedDim, kdim]));
    this.vProjWeight = isPacked ? null : new Parameter(empty([embedDim, vdim]));
    this.inProjWeight = isPacked ? new Parameter(empty([3 * embedDim, embedDim])) : null;
    this.inProjBias = bias ? new Parameter(empty([3 * embedDim])) : null;
    this.outProj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias });
    this.biasK = addBiasKv ? new Parameter(empty([1, 1, embedDim])) : null;
    this.biasV = addBiasKv ? new Parameter(empty([1, 1, embedDim])) : null;
    this.resetParameters();
  }

  resetParameters(): void {
    for (const weight of [this.inProjWeight, this.qProjWeight, this.kProjWeight, this.vProjWeight])
      if (weight !== null) xavierUniform_(weight);
    if (this.inProjBias !== null) zeros_(this.inProjBias);
    if (this.outProj.bias !== null) zeros_(this.outProj.bias);
    for (const extra of [this.biasK, this.biasV]) if (extra !== null) xavierNormal_(extra);
  }

  /** Whether the engine's fused operator has all that this attention is made of. */
  get canAttendFused(): boolean {
    const { inProjWeight, inProjBias, biasK, biasV } = this;
    const isPlain = inProjWeight !== null && inProjBias !== null && biasK === null && biasV === null;
    return isPlain && this.batchFirst && !this.addZeroAttn && this.numHeads % 2 === 0;
  }

  private fused(input: Tensor, masks: AttentionMasks): [output: Tensor, weights: Tensor | null] | null {
    const { attnMask = null, keyPaddingMask: padding = null, needWeights = true, averageAttnWeights = true } = masks;
    if (input.dim() !== 3 || attnMask !== null || (padding !== null && padding.dtype !== 'bool')) return null;
    const { inProjWeight, inProjBias, outProj } = this;
    if (!this.canAttendFused || !mayFuse(input, [inProjWeight, inProjBias, outProj.weight, outProj.bias], [outProj]))
      return null;
    return fusedSelfAttention(input, this, padding, needWeights, averageAttnWeights);
  }

  override forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    masks: AttentionMasks = {},
  ): [output: Tensor, weights: Tensor | null] {
    const fused = this.training || query !== key || key !== value ? null : this.fused(query, masks);
    if (fused !== null) return fused;
    const {
      numHeads,
      inProjWeight,
      qProjWeight,
      kProjWeight,
      vProjWeight,
      inProjBias,
      biasK,
      biasV,
      addZeroAttn,
      outProj,
      training,
    } = this;
    const isTurned = this.batchFirst && query.dim() === 3;
    // One turned tensor for one given tensor: attention to itself needs a single projection.
    const turned = new Map(isTurned ? [query, key, value].map((input) => [input, input.transpose(0, 1)]) : []);
    const at = (input: Tensor) => turned.get(input) ?? input;
    const [output, weights] = multiHeadAttentionForward(
      at(query),
      at(key),
      at(value),
      {
        numHeads,
        inProjWeight,
        qProjWeight,
        kProjWeight,
        vProjWeight,
        inProjBias,
        biasK,
        biasV,
        addZeroAttn,
        outProjWeight: outProj.weight,
        outProjBias: outProj.bias,
        dropoutP: this.dropout,
        training,
      },
      masks,
    );
    return [isTurned ? output.transpose(0, 1) : output, weights];
  }
}
