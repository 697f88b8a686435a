import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { readImage } from '../io/readImage.js';
import { corrupt } from './idxFile.js';
import { FileDataset, type ImageDatasetOptions } from './visionDataset.js';

/** One object in an image, as the file has it. */
export interface CocoAnnotation {
  id: number;
  image_id: number;
  category_id?: number;
  /** [x, y, width, height] in pixels. */
  bbox?: number[];
  area?: number;
  iscrowd?: number;
  segmentation?: unknown;
  caption?: string;
  [key: string]: unknown;
}
interface CocoImage {
  id: number;
  file_name: string;
}
/** A class of objects. */
export interface CocoCategory {
  id: number;
  name: string;
  supercategory?: string;
}

/**
 * Images of the COCO format: a folder of images and a JSON file about them (https://cocodataset.org/#format-data).
 * Samples are `[image uint8 [3, h, w], annotations]`, in the order of the images' ids.
 */
export class CocoDetection extends FileDataset<CocoAnnotation[]> {
  /** Ids of the images, by sample. */
  readonly ids: readonly number[];
  readonly categories: readonly CocoCategory[];
  private readonly files: readonly string[];
  private readonly annotations: readonly CocoAnnotation[][];

  /**
   * @param root folder of the images.
   * @param annFile the JSON file.
   * @throws VisionError `DATASET_MISSING` without the file, `DATASET_CORRUPT` when it is not of this format.
   */
  constructor(root: string, annFile: string, options: ImageDatasetOptions<CocoAnnotation[]> = {}) {
    super(options);
    const { images, annotations, categories } = readAnnotations(annFile);
    const sorted = [...images].sort((a, b) => a.id - b.id);
    const byImage = new Map<number, CocoAnnotation[]>(sorted.map(({ id }) => [id, []]));
    for (const annotation of annotations) byImage.get(annotation.image_id)?.push(annotation);
    this.ids = sorted.map(({ id }) => id);
    this.files = sorted.map(({ file_name }) => join(root, file_name));
    this.annotations = this.ids.map((id) => byImage.get(id)!);
    this.categories = categories;
  }

  override get length(): number {
    return this.ids.length;
  }

  protected override async read(index: number): Promise<[Tensor, CocoAnnotation[]]> {
    return [await readImage(this.files[index]!, 'rgb'), structuredClone(this.annotations[index]!)];
  }
}

function readAnnotations(path: string): {
  images: CocoImage[];
  annotations: CocoAnnotation[];
  categories: CocoCategory[];
} {
  if (!existsSync(path)) throw new VisionError('DATASET_MISSING', `there is no file of annotations at ${path}`);
  let content: { images?: CocoImage[]; annotations?: CocoAnnotation[]; categories?: CocoCategory[] };
  try {
    content = JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw corrupt(path, `it is no JSON (${(cause as Error).message})`, cause);
  }
  const { images, annotations, categories = [] } = content ?? {};
  if (!Array.isArray(images) || !Array.isArray(annotations))
    throw corrupt(path, "it has no lists 'images' and 'annotations'");
  const wrong = images.findIndex(({ id, file_name }) => typeof id !== 'number' || typeof file_name !== 'string');
  if (wrong >= 0) throw corrupt(path, `image ${wrong} has no id or file_name`);
  return { images, annotations, categories };
}
