import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { decodePngIndices } from '../io/pngIndices.js';
import { readImage } from '../io/readImage.js';
import { downloadFile } from './downloadFile.js';
import type { PrepareOptions } from './idxDataset.js';
import { corrupt } from './idxFile.js';
import { extractTar } from './tarFile.js';
import { FileDataset, type ImageDatasetOptions } from './visionDataset.js';
import { readXml, type XmlTree } from './xmlTree.js';

export type VOCYear = '2007' | '2008' | '2009' | '2010' | '2011' | '2012';
export type VOCImageSet = 'train' | 'trainval' | 'val' | 'test';

export interface VOCOptions<Target> extends ImageDatasetOptions<Target> {
  /** Default `'2012'`. */
  year?: VOCYear;
  /** Default `'train'`; `'test'` is there for 2007 only. */
  imageSet?: VOCImageSet;
}

interface VOCArchive {
  file: string;
  address: string;
  md5: string;
  folder: string;
}
const host = 'http://host.robots.ox.ac.uk/pascal/VOC/';
const archive = (year: string, file: string, md5: string, folder = join('VOCdevkit', `VOC${year}`)): VOCArchive => ({
  file,
  address: `${host}voc${year}/`,
  md5,
  folder,
});
const archives: Readonly<Record<string, VOCArchive>> = {
  2012: archive('2012', 'VOCtrainval_11-May-2012.tar', '6cd6e144f989b92b3379bac3b3de84fd'),
  2011: archive(
    '2011',
    'VOCtrainval_25-May-2011.tar',
    '6c3384ef61512963050cb5d687e5bf1e',
    join('TrainVal', 'VOCdevkit', 'VOC2011'),
  ),
  2010: archive('2010', 'VOCtrainval_03-May-2010.tar', 'da459979d0c395079b5c75ee67908abb'),
  2009: archive('2009', 'VOCtrainval_11-May-2009.tar', 'a3e00b113cfcfebf17e343f59da3caa1'),
  2008: archive('2008', 'VOCtrainval_14-Jul-2008.tar', '2629fa636546599198acfcfbfcf1904a'),
  2007: archive('2007', 'VOCtrainval_06-Nov-2007.tar', 'c52e279531787c972589f7e41ab4ae64'),
  '2007-test': archive('2007', 'VOCtest_06-Nov-2007.tar', 'b6e924de25625d8de591ea690078ad9f'),
};

function archiveOf(year: VOCYear, imageSet: VOCImageSet): VOCArchive {
  const found = archives[imageSet === 'test' ? `${year}-test` : year];
  const isKnown = ['train', 'trainval', 'val', 'test'].includes(imageSet);
  if (found !== undefined && isKnown) return found;
  throw new VisionError(
    'OPTION_INVALID',
    `Pascal VOC has train, trainval and val of the years 2007 to 2012 and test of 2007, not ${imageSet} of ${year}`,
  );
}

/** Images of Pascal VOC (http://host.robots.ox.ac.uk/pascal/VOC) below `<root>/VOCdevkit`, with what is known of them. */
abstract class VOCImages<Target> extends FileDataset<Target> {
  /** Paths of the images and of what belongs to them, by sample. */
  readonly images: readonly string[];
  readonly annotations: readonly string[];

  constructor(root: string, options: VOCOptions<Target>, lists: string, folder: string, extension: string) {
    const { year = '2012', imageSet = 'train', ...rest } = options;
    super(rest);
    const base = join(root, archiveOf(year, imageSet).folder);
    const list = join(base, 'ImageSets', lists, `${imageSet}.txt`);
    if (!existsSync(list)) {
      throw new VisionError(
        'DATASET_MISSING',
        `${list} is not there. Call await ${this.constructor.name}.prepare('${root}', { year: '${year}' }) first, for example in prepareData().`,
      );
    }
    const names = readFileSync(list, 'utf8').split(/\s+/).filter(Boolean);
    this.images = names.map((name) => join(base, 'JPEGImages', `${name}.jpg`));
    this.annotations = names.map((name) => join(base, folder, name + extension));
  }

  override get length(): number {
    return this.images.length;
  }

  /** Downloads and unpacks the images of a year, default 2012. An archive that is there is only unpacked. */
  static async prepare(
    root: string,
    options: PrepareOptions & { year?: VOCYear; imageSet?: VOCImageSet } = {},
  ): Promise<void> {
    const { year = '2012', imageSet = 'train', mirrors } = options;
    const { file, address, md5, folder } = archiveOf(year, imageSet);
    if (existsSync(join(root, folder, 'ImageSets', 'Main', `${imageSet}.txt`))) return;
    const path = join(root, file);
    if (!existsSync(path))
      await downloadFile(
        (mirrors ?? [address]).map((mirror) => mirror + file),
        path,
        { md5 },
      );
    await extractTar(path, root);
  }

  protected abstract readAnnotation(path: string): Promise<Target>;

  protected override async read(index: number): Promise<[Tensor, Target]> {
    return Promise.all([readImage(this.images[index]!, 'rgb'), this.readAnnotation(this.annotations[index]!)]);
  }
}

/** Pascal VOC for segmentation: samples `[image uint8 [3, h, w], mask uint8 [1, h, w]]`, 255 for borders of objects. */
export class VOCSegmentation extends VOCImages<Tensor> {
  constructor(root: string, options: VOCOptions<Tensor> = {}) {
    super(root, options, 'Segmentation', 'SegmentationClass', '.png');
  }

  protected override async readAnnotation(path: string): Promise<Tensor> {
    return decodePngIndices(await readFile(path), path);
  }
}

/** An annotation file as plain data: `{ annotation: { object: [...], size: {...}, ... } }`. */
export type VOCAnnotation = { [tag: string]: XmlTree };

/** Pascal VOC for detection: samples `[image uint8 [3, h, w], annotation]`; `annotation.object` is always a list. */
export class VOCDetection extends VOCImages<VOCAnnotation> {
  constructor(root: string, options: VOCOptions<VOCAnnotation> = {}) {
    super(root, options, 'Main', 'Annotations', '.xml');
  }

  protected override async readAnnotation(path: string): Promise<VOCAnnotation> {
    const { tag, tree } = readXml(path, await readFile(path, 'utf8'), ['object']);
    if (tag !== 'annotation') throw corrupt(path, `its first element is <${tag}>, not <annotation>`);
    return { [tag]: tree };
  }
}
