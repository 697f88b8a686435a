import { cat, empty, type Tensor, zeros } from '@lightning-ts/torch';
import {
  Conv2d,
  Dropout,
  GELU,
  init,
  LayerNorm,
  Linear,
  Module,
  MultiheadAttention,
  Parameter,
  Sequential,
  Tanh,
} from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { VisionError } from '../errors.js';
import { type ModelOptions, withWeights } from './weights.js';

const layerNorm = (features: number) => new LayerNorm(features, { eps: 1e-6 });

function mlp(features: number, hidden: number, dropout: number): Sequential {
  const layers = new Sequential(
    new Linear(features, hidden),
    new GELU(),
    new Dropout(dropout),
    new Linear(hidden, features),
    new Dropout(dropout),
  );
  for (const layer of layers) {
    if (!(layer instanceof Linear)) continue;
    init.xavierUniform_(layer.weight);
    if (layer.bias !== null) init.normal_(layer.bias, 0, 1e-6);
  }
  return layers;
}

interface EncoderOptions {
  numHeads: number;
  hiddenDim: number;
  mlpDim: number;
  dropout: number;
  attentionDropout: number;
}

class EncoderBlock extends Module {
  readonly ln_1: LayerNorm;
  readonly selfAttention: MultiheadAttention;
  readonly dropout: Dropout;
  readonly ln_2: LayerNorm;
  readonly mlp: Sequential;

  constructor({ numHeads, hiddenDim, mlpDim, dropout, attentionDropout }: EncoderOptions) {
    super();
    this.ln_1 = layerNorm(hiddenDim);
    this.selfAttention = new MultiheadAttention(hiddenDim, numHeads, { dropout: attentionDropout, batchFirst: true });
    this.dropout = new Dropout(dropout);
    this.ln_2 = layerNorm(hiddenDim);
    this.mlp = mlp(hiddenDim, mlpDim, dropout);
  }

  override forward(input: Tensor): Tensor {
    const normalised = this.ln_1.forward(input);
    const [attended] = this.selfAttention.forward(normalised, normalised, normalised, { needWeights: false });
    const middle = this.dropout.forward(attended).add(input);
    return middle.add(this.mlp.forward(this.ln_2.forward(middle)));
  }
}

class Encoder extends Module {
  readonly posEmbedding: Parameter; // [1, length, hiddenDim]
  readonly dropout: Dropout;
  readonly layers: Sequential;
  readonly ln: LayerNorm;

  constructor(length: number, numLayers: number, options: EncoderOptions) {
    super();
    this.posEmbedding = new Parameter(empty([1, length, options.hiddenDim]).normal_(0, 0.02));
    this.dropout = new Dropout(options.dropout);
    const blocks = Array.from({ length: numLayers }, (_, i) => [`encoder_layer_${i}`, new EncoderBlock(options)]);
    this.layers = new Sequential(Object.fromEntries(blocks) as Record<string, EncoderBlock>);
    this.ln = layerNorm(options.hiddenDim);
  }

  override forward(input: Tensor): Tensor {
    return this.ln.forward(this.layers.forward(this.dropout.forward(input.add(this.posEmbedding))));
  }
}

export interface VisionTransformerShape {
  patchSize: number;
  numLayers: number;
  numHeads: number;
  hiddenDim: number;
  mlpDim: number;
}

export interface VisionTransformerOptions {
  /** Height and width of the images, a multiple of the patch size; default 224. */
  imageSize?: number;
  /** Default 1000. */
  numClasses?: number;
  /** Default 0. */
  dropout?: number;
  /** Default 0. */
  attentionDropout?: number;
  /** Features of a further layer before the classifier; default none. */
  representationSize?: number;
}

/** Vision transformer (Dosovitskiy et al. 2021): images [batch, 3, imageSize, imageSize] → logits [batch, numClasses]. */
export class VisionTransformer extends Module {
  readonly classToken: Parameter; // [1, 1, hiddenDim]
  readonly convProj: Conv2d;
  readonly encoder: Encoder;
  heads: Sequential;
  readonly imageSize: number;

  constructor(shape: VisionTransformerShape, options: VisionTransformerOptions = {}) {
    super();
    const { patchSize, numLayers, hiddenDim } = shape;
    const { imageSize = 224, numClasses = 1000, dropout = 0, attentionDropout = 0, representationSize } = options;
    if (imageSize % patchSize !== 0) {
      throw new VisionError('OPTION_INVALID', `imageSize must be a multiple of ${patchSize}, and got ${imageSize}`);
    }
    this.imageSize = imageSize;
    this.convProj = new Conv2d(3, hiddenDim, patchSize, { stride: patchSize });
    this.classToken = new Parameter(zeros([1, 1, hiddenDim]));
    const length = (imageSize / patchSize) ** 2 + 1;
    this.encoder = new Encoder(length, numLayers, { ...shape, dropout, attentionDropout });
    const preLogits = representationSize === undefined ? null : new Linear(hiddenDim, representationSize);
    const head = new Linear(representationSize ?? hiddenDim, numClasses);
    this.heads = preLogits
      ? new Sequential({ pre_logits: preLogits, act: new Tanh(), head })
      : new Sequential({ head });

    const spread = (fanIn: number) => ({ std: Math.sqrt(1 / fanIn) });
    init.truncNormal_(this.convProj.weight, spread(3 * patchSize * patchSize));
    if (this.convProj.bias !== null) init.zeros_(this.convProj.bias);
    if (preLogits !== null) {
      init.truncNormal_(preLogits.weight, spread(hiddenDim));
      if (preLogits.bias !== null) init.zeros_(preLogits.bias);
    }
    init.zeros_(head.weight);
    if (head.bias !== null) init.zeros_(head.bias);
  }

  override forward(input: Tensor): Tensor {
    const [batch, , height, width] = input.shape;
    if (height !== this.imageSize || width !== this.imageSize) {
      throw new VisionError(
        'IMAGE_INVALID',
        `this model takes images of ${this.imageSize} × ${this.imageSize}, and got [${input.shape.join(', ')}]. Resize them, or build the model with their imageSize.`,
      );
    }
    const patches = this.convProj.forward(input).flatten(2).transpose(1, 2);
    const tokens = cat([this.classToken.expand([batch!, -1, -1]), patches], 1);
    return this.heads.forward(this.encoder.forward(tokens).select(1, 0));
  }
}

/**
 * The weights of a vision transformer for images of another size: its position embedding stretched to the new grid of
 * patches. The other entries are the same tensors.
 */
export function interpolateEmbeddings(
  imageSize: number,
  patchSize: number,
  state: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  const key = 'encoder.pos_embedding';
  const embedding = state.get(key);
  const length = embedding?.shape[1] ?? 0;
  const oldGrid = Math.sqrt(length - 1);
  if (embedding === undefined || embedding.dim() !== 3 || embedding.size(0) !== 1 || !Number.isInteger(oldGrid)) {
    throw new VisionError(
      'WEIGHTS_INVALID',
      `expected ${key} of the shape [1, grid² + 1, features], and got ${embedding === undefined ? 'nothing' : `[${embedding.shape.join(', ')}]`}`,
    );
  }
  const grid = Math.floor(imageSize / patchSize);
  const result = new Map(state);
  if (grid === oldGrid) return result;
  const features = embedding.shape[2]!;
  const image = embedding
    .narrow(1, 1, length - 1)
    .transpose(1, 2)
    .reshape([1, features, oldGrid, oldGrid]);
  const stretched = F.interpolate(image, { size: [grid, grid], mode: 'bicubic', alignCorners: true });
  result.set(key, cat([embedding.narrow(1, 0, 1), stretched.flatten(2).transpose(1, 2)], 1));
  return result;
}

const vit =
  (name: string, shape: VisionTransformerShape) =>
  (options: VisionTransformerOptions & ModelOptions = {}): VisionTransformer =>
    withWeights(name, options, (rest) => new VisionTransformer(shape, rest));

const baseShape = { numLayers: 12, numHeads: 12, hiddenDim: 768, mlpDim: 3072 };
const largeShape = { numLayers: 24, numHeads: 16, hiddenDim: 1024, mlpDim: 4096 };
const hugeShape = { numLayers: 32, numHeads: 16, hiddenDim: 1280, mlpDim: 5120 };

export const vitB16 = vit('vit_b_16', { ...baseShape, patchSize: 16 });
export const vitB32 = vit('vit_b_32', { ...baseShape, patchSize: 32 });
export const vitL16 = vit('vit_l_16', { ...largeShape, patchSize: 16 });
export const vitL32 = vit('vit_l_32', { ...largeShape, patchSize: 32 });
export const vitH14 = vit('vit_h_14', { ...hugeShape, patchSize: 14 });
