import type { Tensor } from '@lightning-ts/torch';
import { AdaptiveAvgPool2d, Conv2d, Module, type UnaryModule } from '@lightning-ts/torch/nn';

/** Weighs the channels by what they hold on the whole (Hu et al. 2018): [batch, channels, h, w] keeps its shape. */
export class SqueezeExcitation extends Module {
  private readonly avgpool = new AdaptiveAvgPool2d(1);
  readonly fc1: Conv2d;
  readonly fc2: Conv2d;

  constructor(
    channels: number,
    squeezedChannels: number,
    private readonly activation: UnaryModule,
    private readonly scaleActivation: UnaryModule,
  ) {
    super();
    this.fc1 = new Conv2d(channels, squeezedChannels, 1);
    this.fc2 = new Conv2d(squeezedChannels, channels, 1);
  }

  override forward(input: Tensor): Tensor {
    const squeezed = this.activation.forward(this.fc1.forward(this.avgpool.forward(input)));
    return this.scaleActivation.forward(this.fc2.forward(squeezed)).mul(input);
  }
}
