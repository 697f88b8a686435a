import { type Dirent, existsSync, readdirSync, statSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { Tensor } from '@lightning-ts/torch';
import { VisionError } from '../errors.js';
import { readImage } from '../io/readImage.js';
import { FileDataset, type ImageDatasetOptions } from './visionDataset.js';

export interface FolderOptions extends ImageDatasetOptions<number> {
  /** Whether a file is a sample; default by its extension. */
  isValidFile?: (path: string) => boolean;
  /** Keep classes without any sample instead of refusing them; default false. */
  allowEmpty?: boolean;
}

export interface DatasetFolderOptions extends FolderOptions {
  /** Reads a file into a tensor. */
  loader: (path: string) => Tensor | Promise<Tensor>;
  /** Extensions of samples, such as `['.npy']`, in any case; needed unless `isValidFile` is given. */
  extensions?: readonly string[];
}

const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

/**
 * Files in one folder for each class: `root/dog/1.png`, `root/dog/litter/2.png`, `root/cat/x.png`. Classes are the
 * folders' names in order, and a sample is `[tensor, class]`.
 */
abstract class ClassFolders extends FileDataset<number> {
  readonly root: string;
  readonly classes: readonly string[];
  /** Number of each class, by name; Python's `class_to_idx`. */
  readonly classToIdx: Readonly<Record<string, number>>;
  /** Path and class of each sample. */
  readonly samples: readonly (readonly [path: string, target: number])[];
  readonly targets: readonly number[];

  constructor(root: string, options: FolderOptions, extensions: readonly string[]) {
    super(options);
    this.root = root;
    this.classes = classesIn(root);
    this.classToIdx = Object.fromEntries(this.classes.map((name, i) => [name, i]));
    const known = extensions.map((extension) => extension.toLowerCase());
    const isValid = options.isValidFile ?? ((path: string) => known.includes(extname(path).toLowerCase()));
    const samples: [string, number][] = [];
    const empty: string[] = [];
    this.classes.forEach((name, target) => {
      const files = filesBelow(join(root, name)).filter(isValid);
      if (files.length === 0) empty.push(name);
      for (const file of files) samples.push([file, target]);
    });
    if (empty.length > 0 && !options.allowEmpty) {
      const wanted = options.isValidFile === undefined ? ` with one of the extensions ${known.join(', ')}` : '';
      throw new VisionError(
        'DATASET_EMPTY',
        `${root} has no file${wanted} for the class${empty.length > 1 ? 'es' : ''} ${empty.join(', ')}. Put some there, remove the folder, or set allowEmpty.`,
      );
    }
    this.samples = samples;
    this.targets = samples.map(([, target]) => target);
  }

  override get length(): number {
    return this.samples.length;
  }

  protected abstract load(path: string): Tensor | Promise<Tensor>;

  protected override async read(index: number): Promise<[Tensor, number]> {
    const [path, target] = this.samples[index]!;
    return [await this.load(path), target];
  }
}

/** A folder of classes whose files are read by a function of yours. */
export class DatasetFolder extends ClassFolders {
  private readonly loader: (path: string) => Tensor | Promise<Tensor>;

  /** @throws VisionError `DATASET_MISSING` without the folder, `DATASET_EMPTY` without classes or samples. */
  constructor(root: string, options: DatasetFolderOptions) {
    const { extensions, isValidFile, loader } = options;
    if ((extensions === undefined) === (isValidFile === undefined)) {
      throw new VisionError('OPTION_INVALID', 'DatasetFolder takes extensions or isValidFile, one of the two');
    }
    if (typeof loader !== 'function') {
      throw new VisionError('OPTION_INVALID', `DatasetFolder takes a function as loader, and got ${typeof loader}`);
    }
    super(root, options, extensions ?? []);
    this.loader = loader;
  }

  protected override load(path: string): Tensor | Promise<Tensor> {
    return this.loader(path);
  }
}

export interface ImageFolderOptions extends FolderOptions {
  /** Refuse images of more pixels; default as in `decodeImage`. */
  maxPixels?: number;
}

/** Extensions of the images that are read. */
export const imageExtensions = ['.jpg', '.jpeg', '.png', '.webp', '.gif'] as const;

/**
 * Images in one folder for each class. Samples are `[image uint8 [3, h, w], class]`; grey images get three equal
 * channels, transparency is dropped.
 */
export class ImageFolder extends ClassFolders {
  private readonly maxPixels: number | undefined;

  /** @throws VisionError `DATASET_MISSING` without the folder, `DATASET_EMPTY` without classes or images. */
  constructor(root: string, options: ImageFolderOptions = {}) {
    super(root, options, imageExtensions);
    this.maxPixels = options.maxPixels;
  }

  /** Path and class of each image, as `samples`. */
  get imgs(): readonly (readonly [path: string, target: number])[] {
    return this.samples;
  }

  protected override load(path: string): Promise<Tensor> {
    return readImage(path, { mode: 'rgb', ...(this.maxPixels === undefined ? {} : { maxPixels: this.maxPixels }) });
  }
}

function classesIn(root: string): string[] {
  if (!existsSync(root)) throw new VisionError('DATASET_MISSING', `there is no folder ${root}`);
  const classes = entriesOf(root)
    .filter((entry) => isFolder(root, entry))
    .map((entry) => entry.name)
    .sort(byCodeUnit);
  if (classes.length > 0) return classes;
  throw new VisionError(
    'DATASET_EMPTY',
    `${root} has no folders. It must have one for each class, with the files in it.`,
  );
}

const entriesOf = (folder: string): Dirent[] => readdirSync(folder, { withFileTypes: true });

/** Links count as what they lead to. */
function isFolder(parent: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(parent, entry.name), { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** All files of a folder and those below it: folder by folder in order, and in each by name. */
function filesBelow(top: string): string[] {
  const folders = new Map<string, string[]>();
  const visit = (folder: string): void => {
    const names: string[] = [];
    for (const entry of entriesOf(folder)) {
      if (isFolder(folder, entry)) visit(join(folder, entry.name));
      else names.push(entry.name);
    }
    folders.set(folder, names.sort(byCodeUnit));
  };
  visit(top);
  return [...folders.keys()]
    .sort(byCodeUnit)
    .flatMap((folder) => folders.get(folder)!.map((name) => join(folder, name)));
}
