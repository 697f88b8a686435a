import { cat, type Tensor } from '@lightning-ts/torch';
import {
  AdaptiveAvgPool2d,
  BatchNorm2d,
  Conv2d,
  type ConvOptions,
  Dropout,
  Module,
  ModuleList,
  ReLU,
  Sequential,
  type UnaryModule,
} from '@lightning-ts/torch/nn';
import * as F from '@lightning-ts/torch/nn/functional';
import { mobilenetV3Large } from '../mobilenetV3.js';
import { resnet50, resnet101 } from '../resnet.js';
import { withWeights } from '../weights.js';
import { dilatedResNet, FCNHead } from './fcn.js';
import { IntermediateLayers } from './intermediateLayers.js';
import { SegmentationModel, type SegmentationOptions } from './segmentationModel.js';

/** DeepLab version 3 (Chen et al. 2017). */
export class DeepLabV3 extends SegmentationModel {}

const convolution = (inChannels: number, outChannels: number, size: number, options: ConvOptions = {}) => [
  new Conv2d(inChannels, outChannels, size, { bias: false, ...options }),
  new BatchNorm2d(outChannels),
  new ReLU(),
];

/** The features of the whole image, at every pixel. */
class ImagePooling extends Sequential {
  constructor(inChannels: number, outChannels: number) {
    super(new AdaptiveAvgPool2d(1), ...convolution(inChannels, outChannels, 1));
  }
  override forward(input: Tensor): Tensor {
    return F.interpolate(super.forward(input), {
      size: input.shape.slice(-2),
      mode: 'bilinear',
      alignCorners: false,
    });
  }
}

/** Looks at the surroundings of every pixel at several distances at once: [batch, inChannels, h, w] → [batch, outChannels, h, w]. */
export class ASPP extends Module {
  readonly convs: ModuleList<UnaryModule>;
  readonly project: Sequential;

  constructor(inChannels: number, rates: readonly number[], outChannels = 256) {
    super();
    this.convs = new ModuleList<UnaryModule>([
      new Sequential(...convolution(inChannels, outChannels, 1)),
      ...rates.map(
        (rate) => new Sequential(...convolution(inChannels, outChannels, 3, { padding: rate, dilation: rate })),
      ),
      new ImagePooling(inChannels, outChannels),
    ]);
    this.project = new Sequential(...convolution(this.convs.length * outChannels, outChannels, 1), new Dropout(0.5));
  }

  override forward(input: Tensor): Tensor {
    return this.project.forward(
      cat(
        [...this.convs].map((conv) => conv.forward(input)),
        1,
      ),
    );
  }
}

/** The classifier of DeepLab: [batch, inChannels, h, w] → [batch, numClasses, h, w]. */
export class DeepLabHead extends Sequential {
  constructor(inChannels: number, numClasses: number) {
    super(
      new ASPP(inChannels, [12, 24, 36]),
      ...convolution(256, 256, 3, { padding: 1 }),
      new Conv2d(256, numClasses, 1),
    );
  }
}

const deeplabv3 =
  (name: string, make: typeof resnet50) =>
  (options: SegmentationOptions = {}): DeepLabV3 =>
    withWeights(name, options, ({ numClasses = 21, auxLoss = false, weightsBackbone }) => {
      const resnet = dilatedResNet(make, weightsBackbone);
      const backbone = new IntermediateLayers<'out' | 'aux'>(resnet, {
        layer4: 'out',
        ...(auxLoss && { layer3: 'aux' }),
      });
      const auxClassifier = auxLoss ? new FCNHead(1024, numClasses) : null;
      return new DeepLabV3(backbone, new DeepLabHead(2048, numClasses), auxClassifier);
    });

export const deeplabv3Resnet50 = deeplabv3('deeplabv3_resnet50', resnet50);
export const deeplabv3Resnet101 = deeplabv3('deeplabv3_resnet101', resnet101);
/** On MobileNet version 3; the second classifier sees its features at an eighth of the image's size. */
export const deeplabv3MobilenetV3Large = (options: SegmentationOptions = {}): DeepLabV3 =>
  withWeights('deeplabv3_mobilenet_v3_large', options, ({ numClasses = 21, auxLoss = false, weightsBackbone }) => {
    const { features } = mobilenetV3Large({
      dilated: true,
      ...(weightsBackbone === undefined ? {} : { weights: weightsBackbone }),
    });
    const last = features.length - 1;
    const backbone = new IntermediateLayers<'out' | 'aux'>(features, { [last]: 'out', ...(auxLoss && { 4: 'aux' }) });
    const auxClassifier = auxLoss ? new FCNHead(40, numClasses) : null;
    return new DeepLabV3(backbone, new DeepLabHead(960, numClasses), auxClassifier);
  });
