import { BatchNorm2d, Conv2d, Dropout, ReLU, Sequential } from '@lightning-ts/torch/nn';
import { type ResNet, resnet50, resnet101 } from '../resnet.js';
import { withWeights } from '../weights.js';
import { IntermediateLayers } from './intermediateLayers.js';
import { SegmentationModel, type SegmentationOptions } from './segmentationModel.js';

/** Fully convolutional network (Long et al. 2015) on a dilated ResNet. */
export class FCN extends SegmentationModel {}

/** The classifier of an FCN: [batch, inChannels, h, w] → [batch, numClasses, h, w]. */
export class FCNHead extends Sequential {
  constructor(inChannels: number, numClasses: number) {
    const hidden = Math.floor(inChannels / 4);
    super(
      new Conv2d(inChannels, hidden, 3, { padding: 1, bias: false }),
      new BatchNorm2d(hidden),
      new ReLU(),
      new Dropout(0.1),
      new Conv2d(hidden, numClasses, 1),
    );
  }
}

/** A ResNet whose last two stages dilate: the features keep an eighth of the image's size. */
export function dilatedResNet(make: typeof resnet50, weights: string | undefined): ResNet {
  const replaceStrideWithDilation = [false, true, true] as const;
  return make({ replaceStrideWithDilation, ...(weights === undefined ? {} : { weights }) });
}

const fcn =
  (name: string, make: typeof resnet50) =>
  (options: SegmentationOptions = {}): FCN =>
    withWeights(name, options, ({ numClasses = 21, auxLoss = false, weightsBackbone }) => {
      const resnet = dilatedResNet(make, weightsBackbone);
      const backbone = new IntermediateLayers<'out' | 'aux'>(resnet, {
        layer4: 'out',
        ...(auxLoss && { layer3: 'aux' }),
      });
      const auxClassifier = auxLoss ? new FCNHead(1024, numClasses) : null;
      return new FCN(backbone, new FCNHead(2048, numClasses), auxClassifier);
    });

export const fcnResnet50 = fcn('fcn_resnet50', resnet50);
export const fcnResnet101 = fcn('fcn_resnet101', resnet101);
