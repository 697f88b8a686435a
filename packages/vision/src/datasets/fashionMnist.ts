import type { Resource } from './idxDataset.js';
import { MNIST } from './mnist.js';

/**
 * Fashion-MNIST: 60,000 training and 10,000 test images of clothes, 28 × 28 grey pixels, in ten classes
 * (https://github.com/zalandoresearch/fashion-mnist).
 *
 * The files are looked for in `<root>/FashionMNIST/raw` and where Debian's `dataset-fashion-mnist` puts them;
 * `await FashionMNIST.prepare(root)` downloads what is missing. See {@link MNIST} for samples and batches.
 */
export class FashionMNIST extends MNIST {
  static override readonly folder: string = 'FashionMNIST';
  static override readonly classes: readonly string[] = [
    'T-shirt/top',
    'Trouser',
    'Pullover',
    'Dress',
    'Coat',
    'Sandal',
    'Shirt',
    'Sneaker',
    'Bag',
    'Ankle boot',
  ];
  static override readonly mirrors: readonly string[] = ['http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/'];
  static override readonly resources: readonly Resource[] = [
    ['train-images-idx3-ubyte.gz', '8d4fb7e6c68d591d4c3dfef9ec88bf0d'],
    ['train-labels-idx1-ubyte.gz', '25c81989df183df01b3e8a0aad5dffbe'],
    ['t10k-images-idx3-ubyte.gz', 'bef4ecab320f06d8554ea6380940ec79'],
    ['t10k-labels-idx1-ubyte.gz', 'bb300cfdad3c16e7a12a480ee83cd310'],
  ];
  static override readonly systemFolders: readonly string[] = ['/usr/share/datasets/fashion-mnist'];
}
