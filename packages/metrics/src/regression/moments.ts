import { ones, stack, type Tensor, zeros } from '@lightning-ts/torch';
import { checkCount } from '../classification/options.js';
import type { Recipe } from '../recipe.js';
import { outputPair } from './inputs.js';

/** Of both inputs, 0-d or by output: how many, the means, the sums of squared distances from them and of their products. */
export interface Moments {
  readonly count: Tensor;
  readonly meanX: Tensor;
  readonly meanY: Tensor;
  readonly squaresX: Tensor;
  readonly squaresY: Tensor;
  readonly products: Tensor;
}

const unpack = (moments: Tensor): Moments => {
  const [count, meanX, meanY, squaresX, squaresY, products] = moments.unbind(0) as [
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
    Tensor,
  ];
  return { count, meanX, meanY, squaresX, squaresY, products };
};

/** The moments of two parts as those of the whole, without the loss of digits of plain sums (Chan, Golub, LeVeque 1979). */
function join(earlier: Tensor, later: Tensor): Tensor {
  const a = unpack(earlier);
  const b = unpack(later);
  const count = a.count.add(b.count);
  const share = b.count.div(count.clampMin(1));
  const stepX = b.meanX.sub(a.meanX);
  const stepY = b.meanY.sub(a.meanY);
  const between = a.count.mul(share);
  return stack([
    count,
    a.meanX.add(stepX.mul(share)),
    a.meanY.add(stepY.mul(share)),
    a.squaresX.add(b.squaresX).add(stepX.mul(stepX).mul(between)),
    a.squaresY.add(b.squaresY).add(stepY.mul(stepY).mul(between)),
    a.products.add(b.products).add(stepX.mul(stepY).mul(between)),
  ]);
}

/** The recipe of a metric that is read from the moments of predictions and targets. */
export function momentsRecipe(
  owner: string,
  numOutputs: number,
  higherIsBetter: boolean | null,
  value: (moments: Moments) => Tensor,
): Recipe<Tensor> {
  checkCount('numOutputs', numOutputs, 1, owner);
  const outputs = numOutputs === 1 ? [] : [numOutputs];
  return {
    key: `moments:${numOutputs}`,
    higherIsBetter,
    states: [{ name: 'moments', zero: () => zeros([6, ...outputs]), reduction: join }],
    count(preds, target) {
      const [x, y] = outputPair(owner, preds, target, numOutputs);
      const size = x.size(0);
      if (size === 0) return [zeros([6, ...outputs], { dtype: x.dtype })];
      const meanX = x.mean(0);
      const meanY = y.mean(0);
      const fromX = x.sub(meanX);
      const fromY = y.sub(meanY);
      const sums = [fromX.mul(fromX).sum(0), fromY.mul(fromY).sum(0), fromX.mul(fromY).sum(0)];
      return [stack([ones(outputs, { dtype: x.dtype }).mul(size), meanX, meanY, ...sums])];
    },
    value: ([moments]) => value(unpack(moments!)),
  };
}
