import { beforeAll, describe, expect, it } from 'vitest';
import * as torch from '../src/index.js';
import * as F from '../src/nn/functional/index.js';
import * as nn from '../src/nn/index.js';
import { type EncodedTensor, expectSameBits, readFixture } from './encodedTensor.js';

/** How fixtures/layers/make.py writes an input: a shape for normal numbers, or one of these. */
type InputSpec =
  | null
  | number[]
  | InputSpec[]
  | { kind: 'rand' | 'signs'; shape: number[] }
  | { kind: 'ints'; low: number; high: number; shape: number[] }
  | { kind: 'packed'; shape: number[]; lengths: number[]; enforce_sorted?: boolean }
  | { kind: 'given'; data: unknown[]; dtype: torch.DType };
interface LayerSpec {
  name: string;
  args: unknown[];
  options: Record<string, unknown>;
}
export interface LayerCase extends LayerSpec {
  inputs: InputSpec[];
  eval?: boolean;
  call?: Record<string, unknown>;
  outputs: EncodedTensor[];
  inputGrads: (EncodedTensor | null)[];
  repr?: string;
  state?: [string, EncodedTensor][];
  parameterGrads?: [string, EncodedTensor | null][];
}

const camel = (name: string) => name.replace(/(?<=[a-z0-9])_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const isShape = (spec: unknown[]): spec is number[] => spec.every((entry) => typeof entry === 'number');

function draw(spec: InputSpec): unknown {
  if (spec === null) return null;
  if (Array.isArray(spec)) return isShape(spec) ? torch.randn(spec).requiresGrad_() : spec.map(draw);
  switch (spec.kind) {
    case 'rand':
      return torch.rand(spec.shape).requiresGrad_();
    case 'ints':
      return torch.randint(spec.low, spec.high, spec.shape);
    case 'packed':
      return nn.packPaddedSequence(torch.randn(spec.shape).requiresGrad_(), spec.lengths, {
        enforceSorted: spec.enforce_sorted ?? true,
      });
    case 'signs':
      return torch.randint(0, 2, spec.shape).float().mul(2).sub(1);
    default:
      return torch.tensor(spec.data, { dtype: spec.dtype });
  }
}

function argument(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { kind } = value as { kind?: string };
  if (kind === 'module') return buildLayer(value as LayerSpec);
  return kind === 'given' ? draw(value as InputSpec) : value;
}

function passed({ args, options }: LayerSpec): unknown[] {
  const named = Object.fromEntries(Object.entries(options).map(([key, value]) => [camel(key), argument(value)]));
  return Object.keys(named).length > 0 ? [...args.map(argument), named] : args.map(argument);
}

type Layer = nn.Module & { forward(...inputs: unknown[]): unknown; inplace?: boolean };

function buildLayer(spec: LayerSpec): Layer {
  const make = (nn as unknown as Record<string, new (...args: unknown[]) => Layer>)[spec.name];
  if (make === undefined) throw new Error(`there is no layer ${spec.name}`);
  return new make(...passed(spec));
}

function flat(value: unknown): torch.Tensor[] {
  if (value instanceof torch.Tensor) return [value];
  if (value instanceof nn.PackedSequence) return [value.data];
  if (typeof value !== 'object' || value === null) return [];
  return Object.values(value).flatMap(flat);
}

function expectGradient(actual: torch.Tensor | null, expected: EncodedTensor | null): void {
  expect(actual === null).toBe(expected === null);
  if (actual !== null && expected !== null)
    expectSameBits(actual.layout === 'strided' ? actual : actual.toDense(), expected);
}

interface Ran {
  layer: Layer | null;
  outputs: torch.Tensor[];
  /** The tensors among the inputs. */
  leaves: torch.Tensor[];
}

/** The cases of a family, as fixtures/layers/make.py wrote them. */
export const layerCases = (family: string): LayerCase[] =>
  readFixture<{ cases: LayerCase[] }>(`layers/${family}.json`).cases;

/** Does what measure() of make.py does, in the same order; `watch` sees the outputs before the backward. */
export function runCase(one: LayerCase, watch: (outputs: torch.Tensor[]) => void = () => {}): Ran {
  torch.manualSeed(11);
  let layer: Layer | null = null;
  let output: unknown;
  let inputs: unknown[];
  if (one.name.startsWith('F.')) {
    inputs = one.inputs.map(draw);
    const call = (F as unknown as Record<string, (...args: unknown[]) => unknown>)[camel(one.name.slice(2))];
    if (call === undefined) throw new Error(`there is no function ${one.name}`);
    output = call(...inputs, ...passed(one));
  } else {
    layer = buildLayer(one);
    if (one.eval) layer.eval();
    inputs = one.inputs.map(draw);
    // In-place layers may not write over a leaf.
    const given = layer.inplace ? inputs.map((input) => (input as torch.Tensor).mul(1)) : inputs;
    const named = Object.fromEntries(
      Object.entries(one.call ?? {}).map(([key, value]) => [camel(key), argument(value)]),
    );
    output = layer.forward(...given, ...(one.call ? [named] : []));
  }
  const outputs = flat(output);
  watch(outputs);
  const losses = outputs
    .filter((tensor) => tensor.requiresGrad)
    .map((tensor) => tensor.mul(torch.randn(tensor.shape)).sum());
  if (losses.length > 0) losses.reduce((total, loss) => total.add(loss)).backward();
  return { layer, outputs, leaves: inputs.flatMap(flat) };
}

function checkCase(one: LayerCase): void {
  const { layer, outputs, leaves } = runCase(one);
  expect(outputs).toHaveLength(one.outputs.length);
  for (const [i, tensor] of outputs.entries()) expectSameBits(tensor, one.outputs[i]!);
  expect(leaves).toHaveLength(one.inputGrads.length);
  for (const [i, leaf] of leaves.entries()) expectGradient(leaf.isLeaf ? leaf.grad : null, one.inputGrads[i]!);
  if (layer === null) return;
  expect(String(layer)).toBe(one.repr);
  const state = [...layer.stateDict()];
  expect(state.map(([key]) => key)).toEqual(one.state!.map(([key]) => key));
  for (const [i, [, tensor]] of state.entries()) expectSameBits(tensor, one.state![i]![1]);
  const parameters = layer.namedParameters();
  expect(parameters.map(([key]) => key)).toEqual(one.parameterGrads!.map(([key]) => key));
  for (const [i, [, parameter]] of parameters.entries()) expectGradient(parameter.grad, one.parameterGrads![i]![1]);
}

const textOf = (value: unknown): string => JSON.stringify(value).replaceAll('"', '');

/** One test for each case of a family: outputs, gradients, state and print of Python's layer, bit for bit. */
export function describeLayers(family: string): void {
  const cases = layerCases(family);
  describe(`${family}: equal to Python bit for bit`, () => {
    // The order of the additions in a reduction depends on the number of threads; the fixture was made with one.
    beforeAll(() => torch.setNumThreads(1));
    const seen = new Map<string, number>();
    for (const one of cases) {
      const mode = one.eval ? ' in evaluation' : '';
      const title = `${one.name}(${[...one.args, ...Object.entries(one.options).map((entry) => entry.join('='))].map(textOf).join(', ')}) on ${textOf(one.inputs)}${mode}`;
      const count = (seen.get(title) ?? 0) + 1;
      seen.set(title, count);
      it(count > 1 ? `${title} #${count}` : title, () => checkCase(one));
    }
  });
}
