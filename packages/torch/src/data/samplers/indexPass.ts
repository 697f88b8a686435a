import { defaultGenerator, Generator } from '../../random.js';
import type { Tensor } from '../../tensor.js';

/** Sample numbers. */
export type Indices = Int32Array | Float64Array;

/** Plain data from which a pass draws its current piece once more. */
export type PassState = Record<string, unknown>;

/**
 * One pass over a sampler's indices, in pieces that are drawn when they are needed: the moments at which a generator is
 * used are part of what has to equal PyTorch.
 */
export interface IndexPass {
  /** The next piece, never empty; null at the end. */
  nextPiece(): Indices | null;
  /** Brings another pass to just before the current piece; null when nothing was drawn yet. */
  state(): PassState | null;
}

const largestInt32 = 2 ** 31 - 1;

/** An int64 tensor of indices as numbers. */
export function readIndices(tensor: Tensor, size = tensor.numel()): Indices {
  return tensor.to(size <= largestInt32 ? 'int32' : 'float64').toTypedArray() as Indices;
}

/** Draws piece number `piece`: null when there is none, an empty one at an end that still costs a draw. */
export type DrawPiece = (piece: number, generator: Generator) => Indices | null;

const nonEmpty = (indices: Indices | null): Indices | null => (indices?.length ? indices : null);

/**
 * Pieces from a generator that others may use too. Its state before each piece is kept, so the piece can be drawn
 * again from a copy of the generator, whatever has been drawn from the original since.
 */
export class SharedGeneratorPass implements IndexPass {
  private piece = -1;
  private before: Tensor | null = null;
  private redraw: PassState | null;

  constructor(
    private readonly generator: Generator | null,
    private readonly draw: DrawPiece,
    resumeAt: PassState | null,
  ) {
    this.redraw = resumeAt;
  }

  nextPiece(): Indices | null {
    if (this.redraw !== null) {
      this.piece = this.redraw.piece as number;
      this.before = this.redraw.generator as Tensor;
      this.redraw = null;
      return nonEmpty(this.draw(this.piece, new Generator().setState(this.before)));
    }
    const generator = this.generator ?? defaultGenerator();
    this.piece += 1;
    this.before = generator.getState();
    return nonEmpty(this.draw(this.piece, generator));
  }

  state(): PassState | null {
    if (this.redraw !== null) return this.redraw;
    return this.before === null ? null : { piece: this.piece, generator: this.before };
  }
}

/** Pieces from a generator of the pass's own, of which the seed is all that has to be kept. */
export class SeededPass implements IndexPass {
  private piece = -1;
  private seed: bigint | null = null;
  private generator: Generator | null = null;
  private redraw: PassState | null;

  constructor(
    private readonly drawSeed: () => bigint,
    private readonly draw: DrawPiece,
    resumeAt: PassState | null,
  ) {
    this.redraw = resumeAt;
  }

  nextPiece(): Indices | null {
    if (this.redraw !== null) return this.drawAgain(this.redraw);
    if (this.generator === null) this.start(this.drawSeed());
    this.piece += 1;
    return nonEmpty(this.draw(this.piece, this.generator!));
  }

  state(): PassState | null {
    if (this.redraw !== null) return this.redraw;
    return this.seed === null ? null : { piece: this.piece, seed: String(this.seed) };
  }

  private start(seed: bigint): void {
    this.seed = seed;
    this.generator = new Generator().manualSeed(seed);
  }

  private drawAgain(state: PassState): Indices | null {
    this.redraw = null;
    this.start(BigInt(state.seed as string));
    const last = state.piece as number;
    for (this.piece = 0; this.piece < last; this.piece++) this.draw(this.piece, this.generator!);
    return nonEmpty(this.draw(last, this.generator!));
  }
}

/** Pieces that need no generator. */
export class ComputedPass implements IndexPass {
  private piece = -1;

  constructor(
    private readonly compute: (piece: number) => Indices | null,
    /** What `compute` depends on besides the piece's number. */
    private readonly settings: PassState = {},
    resumeAt: PassState | null = null,
  ) {
    if (resumeAt !== null) this.piece = (resumeAt.piece as number) - 1;
  }

  nextPiece(): Indices | null {
    this.piece += 1;
    return nonEmpty(this.compute(this.piece));
  }

  state(): PassState | null {
    return this.piece < 0 ? null : { ...this.settings, piece: this.piece };
  }
}
