import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/**
 * Weights and batches as plain files, so that every side reads the same bits: `<name>.bin` holds little-endian float32
 * and int64 values one after another, `<name>.json` says what is where.
 */
export interface TensorRecord {
  name: string;
  dtype: 'float32' | 'int64';
  shape: number[];
  /** Bytes from the start of the .bin file. */
  offset: number;
}

export type WorkloadKind = 'mlp' | 'cnn' | 'resnet18' | 'lm';

/** One training job: the model is known by `kind`, its size by the shapes of the weights. */
export interface Workload {
  kind: WorkloadKind;
  batchSize: number;
  /** Batches in the file; longer runs start over. */
  batches: number;
  lr: number;
  weights: TensorRecord[];
  inputs: TensorRecord;
  targets: TensorRecord;
}

/** A small generator of its own, so that the files are the same on every machine: uniform in [0, 1). */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

interface LayerShape {
  name: string;
  weight: number[];
  /** Default true. */
  bias?: boolean;
  /** Between the name and `weight` or `bias`; default a dot. */
  joiner?: string;
}

/** Sizes of the language model: 4 transformer layers over rows of tokens. */
export const lmSizes = { vocabulary: 512, length: 128, width: 128, heads: 4, layers: 4 } as const;

/** A residual network's convolutions, by the names that torchvision gives them. */
function residualLayers(): LayerShape[] {
  const conv = (name: string, to: number, from: number, kernel: number): LayerShape => ({
    name,
    weight: [to, from, kernel, kernel],
    bias: false,
  });
  const stages = [64, 128, 256, 512].flatMap((width, stage) =>
    [0, 1].flatMap((block) => {
      const at = `layer${stage + 1}.${block}`;
      const from = block === 1 || stage === 0 ? width : width / 2;
      return [
        conv(`${at}.conv1`, width, from, 3),
        conv(`${at}.conv2`, width, width, 3),
        ...(from === width ? [] : [conv(`${at}.downsample.0`, width, from, 1)]),
      ];
    }),
  );
  return [conv('conv1', 64, 3, 7), ...stages, { name: 'fc', weight: [10, 512] }];
}

function languageModelLayers(): LayerShape[] {
  const { vocabulary, length, width, layers: count } = lmSizes;
  const blocks = Array.from({ length: count }, (_, i) => `blocks.layers.${i}`).flatMap((at): LayerShape[] => [
    { name: `${at}.self_attn.in_proj`, weight: [3 * width, width], joiner: '_' },
    { name: `${at}.self_attn.out_proj`, weight: [width, width] },
    { name: `${at}.linear1`, weight: [4 * width, width] },
    { name: `${at}.linear2`, weight: [width, 4 * width] },
  ]);
  return [
    { name: 'tokens', weight: [vocabulary, width], bias: false },
    { name: 'places', weight: [length, width], bias: false },
    ...blocks,
    { name: 'head', weight: [vocabulary, width] },
  ];
}

const layers: Record<WorkloadKind, LayerShape[]> = {
  // 32-64-10
  mlp: [
    { name: 'fc1', weight: [64, 32] },
    { name: 'fc2', weight: [10, 64] },
  ],
  // The demo's convnet without its dropout, on 28 x 28 grey images; batch norm starts from its fixed values.
  cnn: [
    { name: 'conv1', weight: [16, 1, 3, 3], bias: false },
    { name: 'conv2', weight: [32, 16, 3, 3], bias: false },
    { name: 'fc1', weight: [128, 32 * 7 * 7] },
    { name: 'fc2', weight: [10, 128] },
  ],
  // On 64 x 64 colour images.
  resnet18: residualLayers(),
  lm: languageModelLayers(),
};

const inputShape: Record<WorkloadKind, number[]> = {
  mlp: [32],
  cnn: [1, 28, 28],
  resnet18: [3, 64, 64],
  lm: [lmSizes.length],
};

/**
 * Writes the workload's files into `folder` and returns the path of its .json. The targets depend on the inputs
 * (brightest tenth of the input; for the language model each next token), so that there is something to learn.
 */
export function writeWorkload(
  folder: string,
  {
    kind,
    batchSize,
    batches,
    lr = 1e-3,
    seed = 1,
  }: { kind: WorkloadKind; batchSize: number; batches: number; lr?: number; seed?: number },
): string {
  const random = uniform(seed);
  const pieces: Uint8Array[] = [];
  let offset = 0;
  const append = (
    name: string,
    dtype: TensorRecord['dtype'],
    shape: number[],
    values: Float32Array | BigInt64Array,
  ): TensorRecord => {
    const record = { name, dtype, shape, offset };
    pieces.push(new Uint8Array(values.buffer));
    // Eight bytes apart, so that int64 values can be read in place.
    const padding = (8 - (values.byteLength % 8)) % 8;
    pieces.push(new Uint8Array(padding));
    offset += values.byteLength + padding;
    return record;
  };

  const weights = layers[kind].flatMap(({ name, weight, bias = true, joiner = '.' }) => {
    const fanIn = product(weight.slice(1));
    const bound = 1 / Math.sqrt(fanIn);
    const draw = (count: number) => Float32Array.from({ length: count }, () => (random() * 2 - 1) * bound);
    return [
      append(`${name}${joiner}weight`, 'float32', weight, draw(product(weight))),
      ...(bias ? [append(`${name}${joiner}bias`, 'float32', [weight[0]!], draw(weight[0]!))] : []),
    ];
  });

  const count = batchSize * batches;
  const size = product(inputShape[kind]);
  const { inputs, targets } = kind === 'lm' ? tokenRows(count, random) : labelledRows(count, size, random);
  const workload: Workload = {
    kind,
    batchSize,
    batches,
    lr,
    weights,
    inputs: append(
      'inputs',
      inputs instanceof Float32Array ? 'float32' : 'int64',
      [count, ...inputShape[kind]],
      inputs,
    ),
    targets: append('targets', 'int64', kind === 'lm' ? [count, size] : [count], targets),
  };

  mkdirSync(folder, { recursive: true });
  const manifest = path.join(folder, `${kind}-${batchSize}-${batches}.json`);
  writeFileSync(manifest.replace(/json$/, 'bin'), Buffer.concat(pieces));
  writeFileSync(manifest, JSON.stringify(workload));
  return manifest;
}

interface Rows {
  inputs: Float32Array | BigInt64Array;
  targets: BigInt64Array;
}

/** Rows of uniform numbers; a row's label is its brightest tenth. */
function labelledRows(count: number, size: number, random: () => number): Rows {
  const values = new Float32Array(count * size);
  const labels = new BigInt64Array(count);
  const tenth = Math.floor(size / 10);
  for (let row = 0; row < count; row += 1) {
    let best = 0;
    let bestSum = -1;
    for (let column = 0; column < size; column += 1) values[row * size + column] = random();
    for (let part = 0; part < 10; part += 1) {
      let sum = 0;
      for (let column = part * tenth; column < (part + 1) * tenth; column += 1) sum += values[row * size + column]!;
      if (sum > bestSum) [best, bestSum] = [part, sum];
    }
    labels[row] = BigInt(best);
  }
  return { inputs: values, targets: labels };
}

/** Rows of tokens that mostly follow a rule; a row's targets are the tokens that come next. */
function tokenRows(count: number, random: () => number): Rows {
  const { vocabulary, length } = lmSizes;
  const inputs = new BigInt64Array(count * length);
  const targets = new BigInt64Array(count * length);
  for (let row = 0; row < count; row += 1) {
    let token = Math.floor(random() * vocabulary);
    for (let place = 0; place < length; place += 1) {
      const next = random() < 0.1 ? Math.floor(random() * vocabulary) : (token * 7 + 3) % vocabulary;
      inputs[row * length + place] = BigInt(token);
      targets[row * length + place] = BigInt(next);
      token = next;
    }
  }
  return { inputs, targets };
}

export interface LoadedWorkload {
  workload: Workload;
  values(record: TensorRecord): Float32Array | BigInt64Array;
}

/** Reads what writeWorkload wrote; `values` gives a copy of one tensor's numbers. */
export function readWorkload(manifest: string): LoadedWorkload {
  const workload = JSON.parse(readFileSync(manifest, 'utf8')) as Workload;
  const bytes = readFileSync(manifest.replace(/json$/, 'bin'));
  return {
    workload,
    values({ dtype, shape, offset }) {
      const count = product(shape);
      const width = dtype === 'float32' ? 4 : 8;
      const copy = bytes.buffer.slice(bytes.byteOffset + offset, bytes.byteOffset + offset + count * width);
      return dtype === 'float32' ? new Float32Array(copy) : new BigInt64Array(copy);
    },
  };
}

export function product(shape: number[]): number {
  return shape.reduce((total, size) => total * size, 1);
}
