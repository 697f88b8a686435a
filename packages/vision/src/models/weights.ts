import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, join } from 'node:path';
import type { Tensor } from '@lightning-ts/torch';
import { type Module, skipInit } from '@lightning-ts/torch/nn';
import { loadSafetensorsSync, loadSync } from '@lightning-ts/torch/serialize';
import { downloadFile } from '../datasets/downloadFile.js';
import { VisionError } from '../errors.js';
import { type PublishedWeights, publishedWeights } from './publishedWeights.js';

export interface ModelOptions {
  /**
   * Trained weights: the name of published ones (`'IMAGENET1K_V2'`, `'DEFAULT'`) that `downloadWeights` has brought, or
   * the path of a `.pth`, `.pt` or `.safetensors` file. Default: random weights.
   */
  weights?: string;
}

/** Where downloaded weights are kept, the same folder as Python's: `$TORCH_HOME/hub/checkpoints`. */
export function weightsFolder(): string {
  const { TORCH_HOME, XDG_CACHE_HOME } = process.env;
  return join(TORCH_HOME ?? join(XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'torch'), 'hub', 'checkpoints');
}

const isPath = (weights: string): boolean => /[\\/]|\.(pth|pt|bin|safetensors)$/.test(weights);

/** Published weights by torchvision's names. @throws VisionError `WEIGHTS_UNKNOWN` */
export function findWeights(model: string, weights = 'DEFAULT'): PublishedWeights {
  const known = publishedWeights[model];
  if (known === undefined) {
    throw new VisionError(
      'WEIGHTS_UNKNOWN',
      `no published weights are known for '${model}'; they are for ${Object.keys(publishedWeights).join(', ')}`,
    );
  }
  const names = Object.keys(known);
  const found = weights === 'DEFAULT' ? known[names.at(-1)!] : known[weights];
  if (found !== undefined) return found;
  throw new VisionError(
    'WEIGHTS_UNKNOWN',
    `${model} has no weights '${weights}'. It has ${names.join(', ')} and DEFAULT; a file is given by its path.`,
  );
}

/**
 * Downloads published weights unless they are there already, and returns the file's path. Then
 * `resnet50({ weights: 'IMAGENET1K_V2' })` finds them. A broken download goes on where it stopped.
 *
 * @param model torchvision's name, `'resnet50'`, `'mobilenet_v3_large'`.
 * @throws VisionError `DOWNLOAD_FAILED`, or `CHECKSUM_MISMATCH` when the file is not the one its name tells.
 */
export async function downloadWeights(
  model: string,
  weights = 'DEFAULT',
  options: { folder?: string; mirrors?: readonly string[] } = {},
): Promise<string> {
  const { url } = findWeights(model, weights);
  const file = basename(url);
  const path = join(options.folder ?? weightsFolder(), file);
  if (existsSync(path)) return path;
  const urls = [...(options.mirrors ?? []).map((mirror) => mirror + file), url];
  await downloadFile(urls, path, { sha256: /-([0-9a-f]{8,})\.pth$/.exec(file)![1]! });
  return path;
}

/** Builds a model and loads the weights that its options name. `name` is torchvision's name of the model. */
export function withWeights<Options extends { numClasses?: number } & ModelOptions, M extends Module>(
  name: string,
  options: Options,
  make: (options: Omit<Options, 'weights'>) => M,
): M {
  const { weights, ...rest } = options;
  if (weights === undefined) return make(rest);
  if (isPath(weights)) {
    const model = skipInit(() => make(rest));
    model.loadStateDict(currentKeys(readState(weights)));
    return model;
  }
  const published = findWeights(name, weights);
  const path = join(weightsFolder(), basename(published.url));
  if (!existsSync(path)) {
    throw new VisionError(
      'WEIGHTS_MISSING',
      `the weights ${weights} of ${name} are not at ${path}. Call await downloadWeights('${name}', '${weights}') first, for example in prepareData().`,
    );
  }
  const state = currentKeys(readState(path));
  const classes = classesOf(state);
  if (rest.numClasses !== undefined && classes !== undefined && rest.numClasses !== classes) {
    throw new VisionError(
      'OPTION_INVALID',
      `the weights ${weights} of ${name} are for ${classes} classes, numClasses is ${rest.numClasses}. Leave numClasses out and replace the last layer afterwards.`,
    );
  }
  const model = skipInit(() => make({ ...rest, ...published.modelOptions }));
  model.loadStateDict(state);
  return model;
}

function readState(path: string): Map<string, Tensor> {
  if (!existsSync(path)) throw new VisionError('WEIGHTS_MISSING', `there is no file of weights at ${path}`);
  const loaded = path.endsWith('.safetensors') ? loadSafetensorsSync(path) : loadSync(path);
  const state = loaded instanceof Map ? loaded : new Map(Object.entries((loaded ?? {}) as Record<string, unknown>));
  const inner = state.get('state_dict');
  if (inner instanceof Map) return inner as Map<string, Tensor>;
  return state as Map<string, Tensor>;
}

/** Keys as they are today: files of older models have `denselayer1.norm.1` and `mlp.linear_1`. */
function currentKeys(state: Map<string, Tensor>): Map<string, Tensor> {
  const current = new Map<string, Tensor>();
  for (const [key, value] of state) {
    const renamed = key
      .replace(/(denselayer\d+\.(?:norm|relu|conv))\.([12]\.)/, '$1$2')
      .replace(/\.mlp\.linear_([12])\./, (_, layer: string) => `.mlp.${layer === '1' ? 0 : 3}.`);
    current.set(renamed, value);
  }
  return current;
}

/** Outputs of the last layer in the state's order that has a bias. */
function classesOf(state: Map<string, Tensor>): number | undefined {
  const keys = [...state.keys()].filter((key) => key.endsWith('.bias') && !key.startsWith('aux_classifier.'));
  const last = keys.at(-1);
  return last === undefined ? undefined : state.get(last)?.shape[0];
}
