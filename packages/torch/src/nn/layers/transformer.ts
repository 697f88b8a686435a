import { full } from '../../creation.js';
import type { DeviceLike } from '../../device.js';
import { TorchError } from '../../errors.js';
import type { Tensor } from '../../tensor.js';
import { ModuleList, type UnaryModule } from '../containers.js';
import { xavierUniform_ } from '../init.js';
import { Module } from '../module.js';
import { LayerNorm } from './layerNorm.js';
import {
  type DecoderMasks,
  type EncoderMasks,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from './transformerLayer.js';

type EncoderLayer = Module & { forward(src: Tensor, masks?: EncoderMasks): Tensor };
type DecoderLayer = Module & { forward(tgt: Tensor, memory: Tensor, masks?: DecoderMasks): Tensor };

const copies = <M extends Module>(layer: M, count: number): ModuleList<M> =>
  new ModuleList(Array.from({ length: count }, () => layer.clone()));

/** Copies of one encoder layer on top of each other, with a norm after the last: [length, batch, dModel] keeps its shape. */
export class TransformerEncoder extends Module {
  readonly layers: ModuleList<EncoderLayer>;
  readonly norm: UnaryModule | null;
  constructor(encoderLayer: EncoderLayer, numLayers: number, norm: UnaryModule | null = null) {
    super();
    this.layers = copies(encoderLayer, numLayers);
    this.norm = norm;
  }
  override forward(src: Tensor, options: { mask?: Tensor | null; srcKeyPaddingMask?: Tensor | null } = {}): Tensor {
    const masks = { srcMask: options.mask ?? null, srcKeyPaddingMask: options.srcKeyPaddingMask ?? null };
    let output = src;
    for (const layer of this.layers) output = layer.forward(output, masks);
    return this.norm?.forward(output) ?? output;
  }
}

/** Copies of one decoder layer on top of each other, with a norm after the last: [targets, batch, dModel] keeps its shape. */
export class TransformerDecoder extends Module {
  readonly layers: ModuleList<DecoderLayer>;
  readonly norm: UnaryModule | null;
  constructor(decoderLayer: DecoderLayer, numLayers: number, norm: UnaryModule | null = null) {
    super();
    this.layers = copies(decoderLayer, numLayers);
    this.norm = norm;
  }
  override forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    let output = tgt;
    for (const layer of this.layers) output = layer.forward(output, memory, masks);
    return this.norm?.forward(output) ?? output;
  }
}

type Encoder = Module & {
  forward(src: Tensor, options?: { mask?: Tensor | null; srcKeyPaddingMask?: Tensor | null }): Tensor;
};

export interface TransformerOptions extends TransformerLayerOptions {
  /** Default 512. */
  dModel?: number;
  /** Default 8. */
  nhead?: number;
  /** Default 6. */
  numEncoderLayers?: number;
  /** Default 6. */
  numDecoderLayers?: number;
  /** Used in place of the usual encoder. */
  customEncoder?: Encoder;
  /** Used in place of the usual decoder. */
  customDecoder?: DecoderLayer;
}

export interface TransformerMasks extends EncoderMasks, DecoderMasks {}

/** Encoder and decoder (Vaswani et al. 2017): src [sources, batch, dModel], tgt [targets, batch, dModel] → [targets, batch, dModel]. */
export class Transformer extends Module {
  readonly encoder: Encoder;
  readonly decoder: DecoderLayer;
  readonly dModel: number;
  readonly nhead: number;
  readonly batchFirst: boolean;

  constructor(options: TransformerOptions = {}) {
    super();
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      customEncoder,
      customDecoder,
      ...layer
    } = options;
    const norm = () => new LayerNorm(dModel, { eps: layer.layerNormEps ?? 1e-5 });
    this.encoder =
      customEncoder ??
      new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, layer), numEncoderLayers, norm());
    this.decoder =
      customDecoder ??
      new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, layer), numDecoderLayers, norm());
    this.dModel = dModel;
    this.nhead = nhead;
    this.batchFirst = layer.batchFirst ?? false;
    this.resetParameters();
  }

  resetParameters(): void {
    for (const parameter of this.parameters()) if (parameter.dim() > 1) xavierUniform_(parameter);
  }

  override forward(src: Tensor, tgt: Tensor, masks: TransformerMasks = {}): Tensor {
    const batchDim = this.batchFirst ? 0 : 1;
    const isWrong = src.dim() === 3 && src.size(batchDim) !== tgt.size(batchDim);
    if (isWrong || src.size(-1) !== this.dModel || tgt.size(-1) !== this.dModel)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `src [${src.shape.join(', ')}] and tgt [${tgt.shape.join(', ')}] must have one batch size and ${this.dModel} features`,
      );
    const { srcMask = null, srcKeyPaddingMask = null, ...rest } = masks;
    const memory = this.encoder.forward(src, { mask: srcMask, srcKeyPaddingMask });
    return this.decoder.forward(tgt, memory, rest);
  }

  /** −∞ above the diagonal and 0 elsewhere [size, size]: each place attends to those before it and itself. */
  static generateSquareSubsequentMask(size: number, options: { device?: DeviceLike } = {}): Tensor {
    return full([size, size], Number.NEGATIVE_INFINITY, { dtype: 'float32', ...options }).triu(1);
  }
}
