import { noGrad } from '../autograd.js';
import { isTensor } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { isclose } from '../functions.js';
import type { Module } from '../nn/module.js';
import { forkRng } from '../random.js';
import type { Tensor } from '../tensor.js';
import type { ScriptModule } from './scriptModule.js';
import { mapLeaves, tensorsIn } from './scriptValues.js';

/** A copy of the tensors in a nesting: what is run may change its inputs in place. */
export const cloneTensors = (input: unknown): unknown =>
  mapLeaves(input, (leaf) => {
    if (!isTensor(leaf)) return leaf;
    const copy = leaf.detach().clone();
    if (leaf.requiresGrad) copy.requiresGrad = true;
    return copy;
  });

/** Runs `fn` and gives the module's buffers their values back: running statistics must not count a trace as a batch. */
export function keepingBuffers<T>(module: Module | null, fn: () => T): T {
  const kept = (module?.buffers() ?? []).map((buffer): [Tensor, Tensor] => [buffer, buffer.detach().clone()]);
  try {
    return fn();
  } finally {
    noGrad(() => {
      for (const [buffer, before] of kept) {
        buffer.copy_(before);
        before.dispose();
      }
    });
  }
}

/** Compares a trace with its original on the same inputs and random numbers. @throws TorchError `TRACE` */
export function checkTraced(
  traced: ScriptModule<unknown[], unknown>,
  original: (...inputs: unknown[]) => unknown,
  inputs: readonly unknown[],
  tolerance: number,
): void {
  const outputOf = (run: (...given: unknown[]) => unknown) =>
    tensorsIn(
      forkRng(() => keepingBuffers(traced, () => noGrad(() => run(...inputs.map(cloneTensors))))),
      'output',
    );
  const expected = outputOf(original);
  let actual: [string, Tensor][];
  try {
    actual = outputOf((...given) => traced.forward(...given));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw differs(`it fails with inputs the original takes: ${reason}`, cause);
  }
  if (actual.length !== expected.length)
    throw differs(`it returns ${actual.length} tensors where the original returns ${expected.length}`);
  for (const [i, [path, tensor]] of expected.entries()) compare(path, tensor, actual[i]![1], tolerance);
}

function compare(path: string, expected: Tensor, actual: Tensor, tolerance: number): void {
  const form = (tensor: Tensor) => `${tensor.dtype}[${tensor.shape.join(', ')}]`;
  if (form(expected) !== form(actual))
    throw differs(`${path} is ${form(actual)} where the original gives ${form(expected)}`);
  const [a, b] = expected.isComplex() ? [actual, expected] : [actual.double(), expected.double()];
  if (isclose(a, b, tolerance, tolerance, true).all().item() === 1) return;
  const difference = a.sub(b).abs().max().item();
  throw differs(`${path} differs from the original by up to ${difference}, and ${tolerance} is allowed`);
}

const differs = (what: string, cause?: unknown): TorchError =>
  new TorchError(
    'TRACE',
    `the trace computes something else than what was traced: ${what}. What JavaScript decides or computes (branches, item(), sizes) is constant in a trace; pass checkTrace: false to accept that.`,
    cause === undefined ? {} : { cause },
  );
