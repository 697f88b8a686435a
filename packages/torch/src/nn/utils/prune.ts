import { noGrad } from '../../autograd.js';
import { rand } from '../../creation.js';
import { TorchError } from '../../errors.js';
import { kthvalue, onesLike, randLike, topk, zerosLike } from '../../functions.js';
import { Parameter } from '../../parameter.js';
import type { Tensor } from '../../tensor.js';
import type { Module } from '../module.js';
import { addRule, FieldRule, fieldsOf, hasRules, removeRule, ruleOf, tensorIn } from './computedFields.js';
import { parametersToVector } from './parameterVector.js';

/** The pruned field: its mask times the original, which is what is trained. */
class Pruned extends FieldRule {
  override compute(module: Module): Tensor {
    const original = tensorIn(module, `${this.field}Orig`);
    return tensorIn(module, `${this.field}Mask`).to(original.dtype).mul(original);
  }
}

/** Which elements a pruning chooses from: single ones, whole slices along `dim`, or all of them at once. */
type Kind = { type: 'unstructured' } | { type: 'global' } | { type: 'structured'; dim: number };
/** Gives the mask for the scores of elements that `before` (ones and zeros) has left so far. */
type Masking = (scores: Tensor, before: Tensor) => Tensor;

/** A fraction below 1, or a number of elements (slices). */
function countOf(amount: number, total: number): number {
  if (!(amount >= 0) || (amount >= 1 && !Number.isInteger(amount)))
    throw new TorchError(
      'ARGUMENT_RANGE',
      `amount must be a fraction from 0 to below 1 or a whole number, got ${amount}`,
    );
  if (amount > total)
    throw new TorchError('ARGUMENT_RANGE', `amount is ${amount}, but there are only ${total} to prune`);
  if (Number.isInteger(amount)) return amount;
  const exact = amount * total; // halves go to the even number, as Python rounds
  const below = Math.floor(exact);
  return exact - below === 0.5 ? below + (below % 2) : Math.round(exact);
}

function applied<M extends Module>(module: M, name: string, kind: Kind, masking: Masking, scores?: Tensor): M {
  const rule = ruleOf(module, name);
  if (rule !== undefined && !(rule instanceof Pruned))
    throw new TorchError(
      'MODULE_STATE',
      `'${name}' of ${module.constructor.name} is computed already; remove that first`,
    );
  const current = tensorIn(module, name);
  if (scores !== undefined && String(scores.shape) !== String(current.shape))
    throw new TorchError(
      'SHAPE_MISMATCH',
      `importance scores [${scores.shape.join(', ')}] must have the shape of '${name}' [${current.shape.join(', ')}]`,
    );
  const mask = noGrad(() => {
    const important = (scores ?? current).detach();
    if (rule === undefined) return masking(important, onesLike(important));
    return nextMask(kind, masking, important, tensorIn(module, `${name}Mask`).clone());
  });
  if (rule === undefined) {
    if (!(current instanceof Parameter))
      throw new TorchError('MODULE_STATE', `'${name}' of ${module.constructor.name} is no parameter`);
    fieldsOf(module)[`${name}Orig`] = current;
  }
  module.registerBuffer(`${name}Mask`, mask);
  addRule(module, rule ?? new Pruned(name));
  return module;
}

/** A second pruning chooses among what the first has left. */
function nextMask(kind: Kind, masking: Masking, scores: Tensor, before: Tensor): Tensor {
  if (kind.type === 'global') return masking(scores, before);
  if (kind.type === 'unstructured') {
    const left = before.eq(1);
    return before.maskedScatter(left, masking(scores.maskedSelect(left), before.maskedSelect(left)).to(before.dtype));
  }
  const dim = kind.dim < 0 ? kind.dim + scores.dim() : kind.dim;
  const others = before.shape.map((_, d) => d).filter((d) => d !== dim);
  const left = before.sum(others).ne(0).nonzero().squeeze(1);
  return before.indexCopy(
    dim,
    left,
    masking(scores.indexSelect(dim, left), before.indexSelect(dim, left)).to(before.dtype),
  );
}

function sliceCount(scores: Tensor, dim: number): number {
  if (scores.dim() < 2)
    throw new TorchError(
      'SHAPE_MISMATCH',
      `structured pruning needs two dimensions or more, got [${scores.shape.join(', ')}]`,
    );
  return scores.size(dim);
}

/** Prunes nothing, but makes the field one that is masked. */
export const identity = <M extends Module>(module: M, name: string): M =>
  applied(module, name, { type: 'unstructured' }, (_, before) => before);

const random =
  (amount: number): Masking =>
  (scores, before) => {
    const count = countOf(amount, scores.numel());
    if (count === 0) return before.clone();
    const { indices } = topk(randLike(scores).view([-1]), count);
    return before.clone().view([-1]).indexFill_(0, indices, 0).view(before.shape);
  };

const smallest =
  (amount: number): Masking =>
  (scores, before) => {
    const count = countOf(amount, scores.numel());
    if (count === 0) return before.clone();
    const { indices } = topk(scores.abs().reshape([-1]), count, -1, false);
    return before.clone().view([-1]).indexFill_(0, indices, 0).view(before.shape);
  };

/** Sets a fraction (below 1) or a number of elements to 0, drawn at random. The field stays; `weight_orig` is trained, `weight_mask` kept. */
export const randomUnstructured = <M extends Module>(module: M, name: string, amount: number): M =>
  applied(module, name, { type: 'unstructured' }, random(amount));

export interface ImportanceOptions {
  /** What is compared instead of the parameter itself; its shape. */
  importanceScores?: Tensor;
}

/** Sets a fraction (below 1) or a number of elements to 0, those of least magnitude. */
export const l1Unstructured = <M extends Module>(
  module: M,
  name: string,
  amount: number,
  options: ImportanceOptions = {},
): M => applied(module, name, { type: 'unstructured' }, smallest(amount), options.importanceScores);

/** Sets a fraction (below 1) or a number of slices along `dim` to 0, drawn at random. */
export const randomStructured = <M extends Module>(module: M, name: string, amount: number, dim: number): M =>
  applied(module, name, { type: 'structured', dim }, (scores, before) => {
    const slices = sliceCount(scores, dim);
    const count = countOf(amount, slices);
    if (count === 0) return before.clone();
    const draws = rand([slices]);
    const kept = draws.gt(kthvalue(draws, count).values).nonzero().squeeze(1).to(scores.device);
    return zerosLike(scores).indexFill_(dim, kept, 1).mul(before);
  });

/** Sets a fraction (below 1) or a number of slices along `dim` to 0, those of the least n-norm. */
export const lnStructured = <M extends Module>(
  module: M,
  name: string,
  amount: number,
  n: number,
  dim: number,
  options: ImportanceOptions = {},
): M =>
  applied(
    module,
    name,
    { type: 'structured', dim },
    (scores, before) => {
      const slices = sliceCount(scores, dim);
      const count = countOf(amount, slices);
      if (count === 0) return before.clone();
      const at = dim < 0 ? dim + scores.dim() : dim;
      const norms = scores.norm(
        n,
        scores.shape.map((_, d) => d).filter((d) => d !== at),
      );
      const { indices } = topk(norms, slices - count);
      return zerosLike(scores).indexFill_(at, indices, 1).mul(before);
    },
    options.importanceScores,
  );

/** Keeps the elements where `mask` is 1, and of those only what was left before. */
export const customFromMask = <M extends Module>(module: M, name: string, mask: Tensor): M =>
  applied(module, name, { type: 'global' }, (_, before) => {
    if (String(mask.shape) !== String(before.shape))
      throw new TorchError(
        'SHAPE_MISMATCH',
        `the mask [${mask.shape.join(', ')}] must have the shape of '${name}' [${before.shape.join(', ')}]`,
      );
    return before.mul(mask.to(before.dtype));
  });

/** How `globalUnstructured` chooses: the elements of least magnitude, or any. */
export type GlobalPruning = 'l1Unstructured' | 'randomUnstructured';

/** Prunes several parameters as if they were one: a fraction (below 1) or number of the elements of all of them. */
export function globalUnstructured(
  parameters: readonly (readonly [Module, string])[],
  method: GlobalPruning,
  options: { amount: number },
): void {
  const masking = { l1Unstructured: smallest, randomUnstructured: random }[method];
  if (masking === undefined)
    throw new TorchError(
      'ARGUMENT_TYPE',
      `the method must be 'l1Unstructured' or 'randomUnstructured', got '${method as string}'`,
    );
  const mask = noGrad(() => {
    const scores = parametersToVector(parameters.map(([module, name]) => tensorIn(module, name).detach()));
    const before = parametersToVector(
      parameters.map(([module, name]) =>
        ruleOf(module, name) instanceof Pruned
          ? tensorIn(module, `${name}Mask`)
          : onesLike(tensorIn(module, name).detach()),
      ),
    );
    return nextMask({ type: 'unstructured' }, masking(options.amount), scores, before);
  });
  let at = 0;
  for (const [module, name] of parameters) {
    const tensor = tensorIn(module, name);
    const { shape } = tensor;
    customFromMask(module, name, mask.narrow(0, at, tensor.numel()).view(shape));
    at += tensor.numel();
  }
}

/** Makes the pruned values permanent: the field is a plain parameter again, the same one as before, with zeros in it. */
export function remove<M extends Module>(module: M, name: string): M {
  const rule = ruleOf(module, name);
  if (!(rule instanceof Pruned))
    throw new TorchError('MODULE_STATE', `'${name}' of ${module.constructor.name} is not pruned`);
  const original = tensorIn(module, `${name}Orig`) as Parameter;
  original.data = noGrad(() => rule.compute(module));
  removeRule(module, rule, original, [`${name}Orig`, `${name}Mask`]);
  return module;
}

/** Whether any parameter of the module or below it is pruned. */
export const isPruned = (module: Module): boolean =>
  module.modules().some((one) => hasRules(one, (rule) => rule instanceof Pruned));
