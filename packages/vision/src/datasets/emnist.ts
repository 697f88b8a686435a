import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { FileSource, ZipReader } from '@lightning-ts/torch/serialize';
import { VisionError } from '../errors.js';
import { downloadFile } from './downloadFile.js';
import { findFile, type PrepareOptions, type Resource } from './idxDataset.js';
import { corrupt } from './idxFile.js';
import { MNIST, type MNISTOptions } from './mnist.js';

/** Which of EMNIST's six arrangements: all characters by class, like-looking letters merged, and parts of these. */
export type EMNISTSplit = 'byclass' | 'bymerge' | 'balanced' | 'letters' | 'digits' | 'mnist';

export interface EMNISTOptions extends MNISTOptions {
  split: EMNISTSplit;
}

const digits = [...'0123456789'];
const uppercase = [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'];
const lowercase = uppercase.map((letter) => letter.toLowerCase());
// Of the other letters both cases look alike and are one class, the upper.
const merged = [...digits, ...uppercase, ...'abdefghnqrt'];

/**
 * EMNIST: handwritten digits and letters, 28 × 28 grey pixels, in six splits
 * (https://www.nist.gov/itl/products-and-services/emnist-dataset).
 *
 * The pixels are those of the files and of torchvision: rows and columns are swapped, so the characters lie on their side
 * until the transform turns them (`(image) => image.t()`). The labels of `letters` begin with 1.
 *
 * The files are looked for in `<root>/EMNIST/raw`; `await EMNIST.prepare(root)` downloads the archive of all splits
 * (536 MB), or unpacks one that is there. See {@link MNIST} for samples and batches.
 */
export class EMNIST extends MNIST {
  static override readonly folder: string = 'EMNIST';
  static override readonly mirrors: readonly string[] = [
    'https://biometrics.nist.gov/cs_links/EMNIST/',
    'https://www.itl.nist.gov/iaui/vip/cs_links/EMNIST/',
  ];
  static override readonly resources: readonly Resource[] = [['gzip.zip', '58c8d27c78d21e728a6bc7b3cc06412e']];
  /** The names of each split's classes, by label. */
  static readonly classesOfSplits: Readonly<Record<EMNISTSplit, readonly string[]>> = {
    byclass: [...digits, ...uppercase, ...lowercase],
    bymerge: merged,
    balanced: merged,
    letters: ['N/A', ...lowercase],
    digits,
    mnist: digits,
  };

  readonly split: EMNISTSplit;

  /** @throws VisionError `OPTION_INVALID` for an unknown split; otherwise as {@link MNIST} */
  constructor(root: string, options: EMNISTOptions) {
    super(root, options);
    this.split = options.split;
  }

  static override async prepare(root: string, options: PrepareOptions = {}): Promise<void> {
    if (this.isPrepared(root)) return;
    const folder = join(root, this.folder, 'raw');
    const [name, md5] = this.resources[0]!;
    const archive = join(folder, name);
    if (!existsSync(archive))
      await downloadFile(
        (options.mirrors ?? this.mirrors).map((mirror) => mirror + name),
        archive,
        { md5 },
      );
    await unpackFlat(archive, folder);
    const missing = fileNames().find((file) => findFile(this, root, file) === null);
    if (missing !== undefined) throw corrupt(archive, `it has no ${missing}`);
    await rm(archive);
  }

  static override isPrepared(root: string): boolean {
    return fileNames().every((name) => findFile(this, root, name) !== null);
  }

  protected static override contentsOf({ split, train = true }: EMNISTOptions) {
    const classes = this.classesOfSplits[split];
    if (classes === undefined) {
      throw new VisionError(
        'OPTION_INVALID',
        `EMNIST has the splits ${Object.keys(this.classesOfSplits).join(', ')}, and got '${String(split)}'`,
      );
    }
    return { prefix: `emnist-${split}-${train ? 'train' : 'test'}`, classes };
  }
}

const fileNames = (): string[] =>
  Object.keys(EMNIST.classesOfSplits).flatMap((split) =>
    ['train', 'test'].flatMap((part) =>
      ['images-idx3', 'labels-idx1'].map((what) => `emnist-${split}-${part}-${what}-ubyte.gz`),
    ),
  );

/** Puts the packed idx files of an archive into a folder, without the archive's own folders. */
async function unpackFlat(archive: string, folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  const source = new FileSource(archive);
  try {
    const zip = new ZipReader(source);
    for (const entry of zip.entries.keys()) {
      const name = basename(entry);
      if (!/^[\w-]+\.gz$/.test(name)) continue;
      const part = join(folder, `${name}.part`);
      await writeFile(part, zip.read(entry));
      await rename(part, join(folder, name));
    }
  } catch (cause) {
    throw corrupt(archive, `it cannot be unpacked (${(cause as Error).message})`, cause);
  } finally {
    source.close();
  }
}
