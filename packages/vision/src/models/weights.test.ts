import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { inferenceMode, manualSeed, randn, type Tensor, zeros } from '@lightning-ts/torch';
import { save, saveSafetensors } from '@lightning-ts/torch/serialize';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { VisionError } from '../errors.js';
import { densenet121 } from './densenet.js';
import { downloadWeights, findWeights, interpolateEmbeddings, mobilenetV3Small, resnet18, vitB32 } from './index.js';
import type { MobileNetV3 } from './mobilenetV3.js';

const fixture = (name: string) => new URL(`../../test/fixtures/models/${name}`, import.meta.url).pathname;
const options = { widthMult: 0.1, numClasses: 3 };
let folder: string;
let home: string | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weights-'));
  home = process.env.TORCH_HOME;
  process.env.TORCH_HOME = folder;
});
afterEach(() => {
  if (home === undefined) delete process.env.TORCH_HOME;
  else process.env.TORCH_HOME = home;
  rmSync(folder, { recursive: true });
});

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof VisionError) return error.code;
    throw error;
  }
  return 'nothing';
}

const outputs = (model: MobileNetV3): number[] =>
  inferenceMode(() => {
    manualSeed(1);
    return model
      .eval()
      .forward(randn([2, 3, 64, 64]))
      .flatten()
      .tolist() as number[];
  });

test('a state dict that Python saved gives the outputs it gave there, in both formats', () => {
  const [expected] = JSON.parse(readFileSync(fixture('loaded.json'), 'utf8')) as [{ first: number[] }];
  for (const name of ['mobilenet_v3_small.pth', 'mobilenet_v3_small_legacy.pth']) {
    const model = mobilenetV3Small({ ...options, weights: fixture(name) });
    for (const [i, value] of outputs(model).entries()) expect(value).toBeCloseTo(expected.first[i]!, 5);
  }
});

test('a safetensors file and a Lightning-like file with a state dict inside load as well', async () => {
  const model = mobilenetV3Small({ ...options, weights: fixture('mobilenet_v3_small.pth') });
  const plain = join(folder, 'model.safetensors');
  const nested = join(folder, 'model.pt');
  await saveSafetensors(model.stateDict(), plain);
  await save({ state_dict: model.stateDict() }, nested);
  for (const weights of [plain, nested])
    expect(outputs(mobilenetV3Small({ ...options, weights }))).toEqual(outputs(model));
});

test('weights that are not there say where they were looked for and how to get them', () => {
  expect(() => resnet18({ weights: 'IMAGENET1K_V1' })).toThrow(/resnet18-f37072fd\.pth.*downloadWeights\('resnet18'/s);
  expect(codeOf(() => resnet18({ weights: 'IMAGENET1K_V1' }))).toBe('WEIGHTS_MISSING');
  expect(codeOf(() => resnet18({ weights: join(folder, 'none.pth') }))).toBe('WEIGHTS_MISSING');
  expect(codeOf(() => resnet18({ weights: 'IMAGENET' }))).toBe('WEIGHTS_UNKNOWN');
  expect(() => findWeights('resnet50', 'V2')).toThrow(/IMAGENET1K_V1, IMAGENET1K_V2/);
  expect(findWeights('resnet50')).toBe(findWeights('resnet50', 'IMAGENET1K_V2'));
});

test('weights of another model name every key that does not fit', () => {
  expect(() => mobilenetV3Small({ numClasses: 3, weights: fixture('mobilenet_v3_small.pth') })).toThrow(
    /wrong shape: .*features\.0\.0/s,
  );
});

test('keys that old files of DenseNet and ViT have are read under their names of today', async () => {
  const model = densenet121({ growthRate: 2, blockConfig: [1, 1], numInitFeatures: 4, numClasses: 2 });
  const old = new Map(
    [...model.stateDict()].map(([key, value]) => [key.replace(/(norm|conv)([12])\./, '$1.$2.'), value] as const),
  );
  const path = join(folder, 'old.pth');
  await save(old, path);
  const loaded = densenet121({ growthRate: 2, blockConfig: [1, 1], numInitFeatures: 4, numClasses: 2, weights: path });
  for (const [key, value] of loaded.stateDict()) expect(value.equal(model.stateDict().get(key)!)).toBe(true);
});

test('a position embedding is stretched to another size of image, its class token stays', () => {
  const state = new Map<string, Tensor>([['encoder.pos_embedding', randn([1, 1 + 7 * 7, 8])]]);
  const stretched = interpolateEmbeddings(320, 32, state).get('encoder.pos_embedding')!;
  expect(stretched.shape).toEqual([1, 1 + 10 * 10, 8]);
  const before = state.get('encoder.pos_embedding')!;
  expect(stretched.select(1, 0).equal(before.select(1, 0))).toBe(true);
  expect(stretched.select(1, 1).allclose(before.select(1, 1))).toBe(true); // corners stay corners
  expect(stretched.select(1, 100).allclose(before.select(1, 49), { atol: 1e-5 })).toBe(true);
  expect(codeOf(() => interpolateEmbeddings(320, 32, new Map([['encoder.pos_embedding', zeros([1, 9, 8])]])))).toBe(
    'WEIGHTS_INVALID',
  );
  expect(codeOf(() => vitB32({ imageSize: 100 }))).toBe('OPTION_INVALID');
});

/** Serves one file under any name that ends in .pth. */
async function serve(bytes: Buffer): Promise<[Server, string]> {
  const server = createServer((_, response) => response.end(bytes));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return [server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`];
}

test('downloaded weights are kept only when their checksum is the one in their name', async () => {
  const [server, mirror] = await serve(Buffer.from('not the weights'));
  try {
    const attempt = downloadWeights('resnet18', 'IMAGENET1K_V1', { mirrors: [mirror] });
    await expect(attempt).rejects.toMatchObject({ code: 'CHECKSUM_MISMATCH' });
  } finally {
    server.close();
  }
});

test('weights that are in the folder are used without a network', async () => {
  const state = resnet18().stateDict();
  const path = join(folder, 'hub', 'checkpoints', 'resnet18-f37072fd.pth');
  await save(state, join(folder, 'state.pth'));
  const bytes = readFileSync(join(folder, 'state.pth'));
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  expect(await downloadWeights('resnet18')).toBe(path);
  const model = resnet18({ weights: 'DEFAULT' });
  for (const [key, value] of model.stateDict()) expect(value.equal(state.get(key)!)).toBe(true);
  expect(codeOf(() => resnet18({ weights: 'DEFAULT', numClasses: 5 }))).toBe('OPTION_INVALID');
});
