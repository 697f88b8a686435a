import { noGrad } from '../../autograd.js';
import { empty } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import {
  type BagMode,
  type EmbeddingBagLookupOptions,
  type EmbeddingLookupOptions,
  embedding,
  embeddingBag,
  paddingRow,
} from '../functional/embedding.js';
import { normal_ } from '../init.js';
import { Module } from '../module.js';
import { boolText, floatText } from '../pythonText.js';

/** What the two layers share: a table of rows drawn from N(0, 1), zeros in the padding row. */
abstract class Table extends Module {
  readonly weight: Parameter; // [numEmbeddings, embeddingDim]
  readonly paddingIdx: number | null;
  readonly maxNorm: number | null;
  readonly normType: number;
  readonly scaleGradByFreq: boolean;
  readonly sparse: boolean;

  constructor(
    readonly numEmbeddings: number,
    readonly embeddingDim: number,
    options: EmbeddingLookupOptions,
    weight: Tensor | undefined,
  ) {
    super();
    const padding = paddingRow(options.paddingIdx, numEmbeddings);
    this.paddingIdx = padding < 0 ? null : padding;
    this.maxNorm = options.maxNorm ?? null;
    this.normType = options.normType ?? 2;
    this.scaleGradByFreq = options.scaleGradByFreq ?? false;
    this.sparse = options.sparse ?? false;
    this.weight = new Parameter(weight ?? empty([numEmbeddings, embeddingDim]));
    if (weight === undefined) this.resetParameters();
  }

  resetParameters(): void {
    normal_(this.weight);
    const { paddingIdx } = this;
    if (paddingIdx !== null) noGrad(() => this.weight.select(0, paddingIdx).zero_());
  }

  protected get lookup(): EmbeddingLookupOptions {
    const { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse } = this;
    return { paddingIdx, maxNorm, normType, scaleGradByFreq, sparse };
  }

  protected sharedText(): string[] {
    const parts: string[] = [];
    if (this.maxNorm !== null) parts.push(`max_norm=${floatText(this.maxNorm)}`);
    if (this.normType !== 2) parts.push(`norm_type=${floatText(this.normType)}`);
    if (this.scaleGradByFreq) parts.push(`scale_grad_by_freq=${boolText(true)}`);
    return parts;
  }
}

export interface PretrainedOptions {
  /** The rows are not trained; default true. */
  freeze?: boolean;
}

function rowsOf(embeddings: Tensor): [number, number] {
  const { shape } = embeddings;
  if (shape.length !== 2)
    throw new TorchError('SHAPE_MISMATCH', `pretrained embeddings must be [rows, features], got [${shape.join(', ')}]`);
  return shape as [number, number];
}

/** Vectors by number: int64 [...] → [..., embeddingDim]. Rows N(0, 1). */
export class Embedding extends Table {
  static override readonly keepsNoTensors = true;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingLookupOptions & { weight?: Tensor } = {}) {
    super(numEmbeddings, embeddingDim, options, options.weight);
    checkRows(this.weight, numEmbeddings, embeddingDim);
  }

  /** A layer over the rows of a tensor [rows, features], which it shares. */
  static fromPretrained(embeddings: Tensor, options: EmbeddingLookupOptions & PretrainedOptions = {}): Embedding {
    const { freeze = true, ...rest } = options;
    const layer = new Embedding(...rowsOf(embeddings), { ...rest, weight: embeddings });
    layer.weight.requiresGrad = !freeze;
    return layer;
  }

  override forward(input: Tensor): Tensor {
    return embedding(input, this.weight, this.lookup);
  }

  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`];
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    parts.push(...this.sharedText());
    if (this.sparse) parts.push('sparse=True');
    return parts.join(', ');
  }
}

function checkRows(weight: Tensor, rows: number, features: number): void {
  if (String(weight.shape) !== String([rows, features]))
    throw new TorchError(
      'SHAPE_MISMATCH',
      `the given weight must be [${rows}, ${features}], got [${weight.shape.join(', ')}]`,
    );
}

export interface EmbeddingBagOptions extends EmbeddingLookupOptions {
  /** How the rows of a bag become one; default `mean`. */
  mode?: BagMode;
  /** The last offset is the end of the last bag; default false. */
  includeLastOffset?: boolean;
  weight?: Tensor;
}

/** Sums, means or maxima of bags of rows: int64 [bags, size], or [indices] with offsets [bags] → [bags, embeddingDim]. */
export class EmbeddingBag extends Table {
  static override readonly keepsNoTensors = true;
  readonly mode: BagMode;
  readonly includeLastOffset: boolean;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingBagOptions = {}) {
    super(numEmbeddings, embeddingDim, options, options.weight);
    checkRows(this.weight, numEmbeddings, embeddingDim);
    this.mode = options.mode ?? 'mean';
    this.includeLastOffset = options.includeLastOffset ?? false;
  }

  /** A layer over the rows of a tensor [rows, features], which it shares. */
  static fromPretrained(embeddings: Tensor, options: EmbeddingBagOptions & PretrainedOptions = {}): EmbeddingBag {
    const { freeze = true, ...rest } = options;
    const layer = new EmbeddingBag(...rowsOf(embeddings), { ...rest, weight: embeddings });
    layer.weight.requiresGrad = !freeze;
    return layer;
  }

  override forward(
    input: Tensor,
    options: Pick<EmbeddingBagLookupOptions, 'offsets' | 'perSampleWeights'> = {},
  ): Tensor {
    const { mode, includeLastOffset } = this;
    return embeddingBag(input, this.weight, { ...this.lookup, mode, includeLastOffset, ...options });
  }

  override extraRepr(): string {
    const parts = [`${this.numEmbeddings}, ${this.embeddingDim}`, ...this.sharedText(), `mode=${this.mode}`];
    if (this.paddingIdx !== null) parts.push(`padding_idx=${this.paddingIdx}`);
    return parts.join(', ');
  }
}
