import { type FunctionContext, Function as GraphFunction } from '../../autogradFunction.js';
import { TorchError } from '../../errors.js';
import { stack, zerosLike } from '../../functions.js';
import type { Tensor } from '../../tensor.js';
import type { LocalResponseNormOptions } from '../functional/normalization.js';
import { Module } from '../module.js';
import { floatText } from '../pythonText.js';

type Settings = Required<LocalResponseNormOptions> & { size: number };

/** k + α / size · the sum of squares over the window around each channel, as a running sum like PyTorch's. */
function scaleOf(input: Tensor, { size, alpha, k }: Settings): Tensor {
  const squares = input.pow(2).unbind(1);
  const ahead = Math.min(Math.trunc((size - 1) / 2 + 1), squares.length);
  let sum = zerosLike(squares[0]!);
  for (const square of squares.slice(0, ahead)) sum.add_(square);
  const sums = [sum];
  for (let c = 1; c < squares.length; c++) {
    sum = sum.clone();
    if (c < squares.length - ahead + 1) sum.add_(squares[c + ahead - 1]!);
    if (c > ahead) sum.sub_(squares[c - ahead]!);
    sums.push(sum);
  }
  return stack(sums, 1)
    .mul_(alpha / size)
    .add_(k);
}

class CrossMap extends GraphFunction {
  static forward(context: FunctionContext, input: Tensor, settings: Settings): Tensor {
    const scale = scaleOf(input, settings);
    const output = scale.pow(-settings.beta).mul(input);
    context.saveForBackward(input, output, scale);
    context.extra.settings = settings;
    return output;
  }

  static backward(context: FunctionContext, gradient: Tensor): (Tensor | null)[] {
    const [input, output, scale] = context.savedTensors as [Tensor, Tensor, Tensor];
    const { size, alpha, beta } = context.extra.settings as Settings;
    const [batch, channels, height, width] = input.shape as [number, number, number, number];
    const result = scale.pow(-beta).mul_(gradient);
    const ratios = input.newZeros([batch, channels + size - 1, height, width]);
    ratios.narrow(1, Math.trunc(size - (size - 1) / 2), channels).copy_(gradient.mul(output).div_(scale));
    const window = ratios.narrow(1, 0, size - 1).sum([1]);
    for (let c = 0; c < channels; c++) {
      window.add_(ratios.select(1, c + size - 1));
      result.select(1, c).addcmul_(input.select(1, c), window, { value: (-2 * alpha * beta) / size });
      window.sub_(ratios.select(1, c));
    }
    return [result, null];
  }
}

/**
 * Divides by a power of the sum of squares over `size` neighbouring channels: [batch, channels, height, width]
 * (Krizhevsky et al. 2012). The older form of `LocalResponseNorm`, whose window and sums are a little different.
 */
export class CrossMapLRN2d extends Module {
  static override readonly keepsNoTensors = true;
  readonly alpha: number;
  readonly beta: number;
  readonly k: number;
  constructor(
    readonly neighbours: number,
    { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
  ) {
    super();
    this.alpha = alpha;
    this.beta = beta;
    this.k = k;
  }
  override forward(input: Tensor): Tensor {
    if (input.dim() !== 4)
      throw new TorchError(
        'SHAPE_MISMATCH',
        `CrossMapLRN2d expects [batch, channels, height, width], got [${input.shape.join(', ')}]`,
      );
    const { neighbours: size, alpha, beta, k } = this;
    return CrossMap.apply(input, { size, alpha, beta, k });
  }
  override extraRepr(): string {
    return `${this.neighbours}, alpha=${floatText(this.alpha)}, beta=${floatText(this.beta)}, k=${this.k}`;
  }
}
