import { TorchError } from '../../errors.js';
import { gelu, relu } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import type { UnaryModule } from '../containers.js';
import { Module } from '../module.js';
import { GELU, ReLU } from './activation.js';
import { MultiheadAttention } from './attention.js';
import { Dropout } from './dropout.js';
import { fusedEncoderLayer, mayFuse } from './fusedAttention.js';
import { LayerNorm } from './layerNorm.js';
import { Linear } from './linear.js';

export type TransformerActivation = 'relu' | 'gelu' | ((input: Tensor) => Tensor) | UnaryModule;

export interface TransformerLayerOptions {
  /** Width of the feed-forward part; default 2048. */
  dimFeedforward?: number;
  /** Default 0.1. */
  dropout?: number;
  /** Default `relu`. */
  activation?: TransformerActivation;
  /** Default 1e-5. */
  layerNormEps?: number;
  /** [batch, length, features] instead of [length, batch, features]; default false. */
  batchFirst?: boolean;
  /** Normalise before attention and feed-forward rather than after (Xiong et al. 2020); default false. */
  normFirst?: boolean;
}

function activationOf(activation: TransformerActivation): ((input: Tensor) => Tensor) | UnaryModule {
  if (activation === 'relu') return (input) => relu(input);
  if (activation === 'gelu') return (input) => gelu(input);
  if (typeof activation === 'string')
    throw new TorchError(
      'ARGUMENT_TYPE',
      `activation must be 'relu', 'gelu', a function or a module, got '${activation as string}'`,
    );
  return activation;
}

/** Which activation the engine's fused layer has, null for others. Functions of torch itself count, too. */
function fusedActivation(activation: TransformerActivation): 'relu' | 'gelu' | null {
  if (activation === 'relu' || activation === relu || (activation as Module).constructor === ReLU) return 'relu';
  if (activation === 'gelu' || activation === gelu) return 'gelu';
  return (activation as Module).constructor === GELU && (activation as GELU).approximate === 'none' ? 'gelu' : null;
}

const activated = (activation: ((input: Tensor) => Tensor) | UnaryModule, input: Tensor): Tensor =>
  activation instanceof Module ? activation.forward(input) : activation(input);

export interface EncoderMasks {
  /** [length, length]: bool with true for pairs to leave out, or floats that are added. */
  srcMask?: Tensor | null;
  /** [batch, length]: bool with true for places to leave out, or floats that are added. */
  srcKeyPaddingMask?: Tensor | null;
}

/**
 * Attention to itself and a feed-forward part (Vaswani et al. 2017): [length, batch, dModel] keeps its shape.
 *
 * In evaluation without gradients, with `batchFirst` and at most a bool padding mask, one fused operator of the engine
 * computes the whole layer, with equal results up to rounding.
 */
export class TransformerEncoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly normFirst: boolean;
  readonly activation: ((input: Tensor) => Tensor) | UnaryModule;
  private readonly fusable: 'relu' | 'gelu' | null;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const {
      dimFeedforward = 2048,
      dropout = 0.1,
      activation = 'relu',
      layerNormEps: eps = 1e-5,
      batchFirst = false,
      normFirst = false,
    } = options;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel);
    this.norm1 = new LayerNorm(dModel, { eps });
    this.norm2 = new LayerNorm(dModel, { eps });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.normFirst = normFirst;
    this.activation = activationOf(activation);
    this.fusable = fusedActivation(activation);
  }

  override forward(src: Tensor, masks: EncoderMasks = {}): Tensor {
    const fused = this.training ? null : this.fused(src, masks);
    if (fused !== null) return fused;
    if (this.normFirst) {
      const attended = src.add(this.attend(this.norm1.forward(src), masks));
      return attended.add(this.feed(this.norm2.forward(attended)));
    }
    const attended = this.norm1.forward(src.add(this.attend(src, masks)));
    return this.norm2.forward(attended.add(this.feed(attended)));
  }

  /** The layer as one operator, or null where that is not possible. */
  private fused(src: Tensor, { srcMask = null, srcKeyPaddingMask: padding = null }: EncoderMasks): Tensor | null {
    const { selfAttn, linear1, linear2, norm1, norm2, fusable, activation } = this;
    if (fusable === null || srcMask !== null || (padding !== null && padding.dtype !== 'bool')) return null;
    if (src.dim() !== 3 || !selfAttn.canAttendFused || norm1.eps !== norm2.eps) return null;
    // Whoever puts another layer in one of these places gets that one.
    const isPlain =
      selfAttn.constructor === MultiheadAttention &&
      [linear1, linear2].every((part) => part.constructor === Linear) &&
      [norm1, norm2].every((part) => part.constructor === LayerNorm);
    if (!isPlain) return null;
    const parts: Module[] = [selfAttn, selfAttn.outProj, linear1, linear2, norm1, norm2];
    parts.push(this.dropout, this.dropout1, this.dropout2);
    if (activation instanceof Module) parts.push(activation);
    const rest = [norm1, norm2, linear1, linear2].flatMap(({ weight, bias }) => [weight, bias]);
    const { inProjWeight, inProjBias, outProj } = selfAttn;
    if (!mayFuse(src, [inProjWeight, inProjBias, outProj.weight, outProj.bias, ...rest], parts)) return null;
    const layer = {
      attention: selfAttn,
      usesGelu: fusable === 'gelu',
      normFirst: this.normFirst,
      eps: norm1.eps,
      rest,
    };
    return fusedEncoderLayer(src, layer, padding);
  }

  private attend(x: Tensor, { srcMask = null, srcKeyPaddingMask = null }: EncoderMasks): Tensor {
    const [output] = this.selfAttn.forward(x, x, x, {
      attnMask: srcMask,
      keyPaddingMask: srcKeyPaddingMask,
      needWeights: false,
    });
    return this.dropout1.forward(output);
  }
  private feed(x: Tensor): Tensor {
    const inner = activated(this.activation, this.linear1.forward(x));
    return this.dropout2.forward(this.linear2.forward(this.dropout.forward(inner)));
  }
}

export interface DecoderMasks {
  /** [targets, targets]: bool with true for pairs to leave out, or floats that are added. */
  tgtMask?: Tensor | null;
  /** [targets, sources] */
  memoryMask?: Tensor | null;
  /** [batch, targets]: bool with true for places to leave out, or floats that are added. */
  tgtKeyPaddingMask?: Tensor | null;
  /** [batch, sources] */
  memoryKeyPaddingMask?: Tensor | null;
}

/** Attention to itself, to the encoder's output, and a feed-forward part: [targets, batch, dModel] keeps its shape. */
export class TransformerDecoderLayer extends Module {
  readonly selfAttn: MultiheadAttention;
  readonly multiheadAttn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly normFirst: boolean;
  readonly activation: ((input: Tensor) => Tensor) | UnaryModule;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super();
    const {
      dimFeedforward = 2048,
      dropout = 0.1,
      activation = 'relu',
      layerNormEps: eps = 1e-5,
      batchFirst = false,
      normFirst = false,
    } = options;
    this.selfAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst });
    this.multiheadAttn = new MultiheadAttention(dModel, nhead, { dropout, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward);
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel);
    this.norm1 = new LayerNorm(dModel, { eps });
    this.norm2 = new LayerNorm(dModel, { eps });
    this.norm3 = new LayerNorm(dModel, { eps });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
    this.normFirst = normFirst;
    this.activation = activationOf(activation);
  }

  override forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    if (this.normFirst) {
      const own = tgt.add(this.attend(this.norm1.forward(tgt), masks));
      const both = own.add(this.attendTo(memory, this.norm2.forward(own), masks));
      return both.add(this.feed(this.norm3.forward(both)));
    }
    const own = this.norm1.forward(tgt.add(this.attend(tgt, masks)));
    const both = this.norm2.forward(own.add(this.attendTo(memory, own, masks)));
    return this.norm3.forward(both.add(this.feed(both)));
  }

  private attend(x: Tensor, { tgtMask = null, tgtKeyPaddingMask = null }: DecoderMasks): Tensor {
    const [output] = this.selfAttn.forward(x, x, x, {
      attnMask: tgtMask,
      keyPaddingMask: tgtKeyPaddingMask,
      needWeights: false,
    });
    return this.dropout1.forward(output);
  }
  private attendTo(
    memory: Tensor,
    x: Tensor,
    { memoryMask = null, memoryKeyPaddingMask = null }: DecoderMasks,
  ): Tensor {
    const masks = { attnMask: memoryMask, keyPaddingMask: memoryKeyPaddingMask, needWeights: false };
    return this.dropout2.forward(this.multiheadAttn.forward(x, memory, memory, masks)[0]);
  }
  private feed(x: Tensor): Tensor {
    const inner = activated(this.activation, this.linear1.forward(x));
    return this.dropout3.forward(this.linear2.forward(this.dropout.forward(inner)));
  }
}
