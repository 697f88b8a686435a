import { Function, type FunctionContext } from '../autogradFunction.js';
import { where } from '../creation.js';
import { invokeN } from '../dispatch.js';
import { TorchError } from '../errors.js';
import { operatorId } from '../operatorId.js';
import type { Tensor } from '../tensor.js';
import * as constraints from './constraints.js';
import { Distribution, type DistributionOptions } from './distribution.js';

const sampleId = operatorId('aten::_sample_dirichlet');
const gradientId = operatorId('aten::_dirichlet_grad');

/** A draw, with the gradient that the engine's operator does not bring itself. */
class DrawDirichlet extends Function {
  static forward(context: FunctionContext, concentration: Tensor): Tensor {
    const drawn = invokeN(sampleId, [concentration, null]) as Tensor;
    context.saveForBackward(drawn, concentration);
    return drawn;
  }
  static backward(context: FunctionContext, gradient: Tensor): Tensor {
    const [drawn, concentration] = context.savedTensors as [Tensor, Tensor];
    const total = concentration.sum(-1, true).expandAs(concentration);
    const slope = invokeN(gradientId, [drawn, concentration, total]) as Tensor;
    return slope.mul(gradient.sub(drawn.mul(gradient).sum(-1, true)));
  }
}

/** A distribution of probabilities: `concentration` is [...batch, k], a draw has k numbers that sum to 1. */
export class Dirichlet extends Distribution {
  readonly concentration: Tensor;
  override readonly hasRsample = true;

  constructor(concentration: Tensor, options: DistributionOptions = {}) {
    const { shape } = concentration;
    if (shape.length < 1)
      throw new TorchError('DISTRIBUTION_ARGUMENT', 'Dirichlet: concentration needs at least one dimension');
    super(shape.slice(0, -1), shape.slice(-1), options);
    this.concentration = concentration;
    this.checkArguments();
  }

  get argConstraints() {
    return { concentration: constraints.independent(constraints.positive, 1) };
  }
  get support() {
    return constraints.simplex;
  }
  override get mean(): Tensor {
    return this.concentration.div(this.concentration.sum(-1, true));
  }
  /** Where all concentrations are below 1, the corner of the largest. */
  override get mode(): Tensor {
    const above = this.concentration.sub(1).clamp(0);
    const mode = above.div(above.sum(-1, true));
    const isCorner = this.concentration.lt(1).all(-1, true);
    const corner = mode.argmax(-1).oneHot(this.concentration.size(-1)).to(mode);
    return where(isCorner, corner, mode);
  }
  override get variance(): Tensor {
    const total = this.concentration.sum(-1, true);
    return this.concentration.mul(total.sub(this.concentration)).div(total.pow(2).mul(total.add(1)));
  }

  override expand(batchShape: readonly number[]): this {
    return this.copyWith(batchShape, { concentration: this.concentration.expand([...batchShape, ...this.eventShape]) });
  }

  override rsample(sampleShape: readonly number[] = []): Tensor {
    return DrawDirichlet.apply(this.concentration.expand(this.extendedShape(sampleShape)));
  }
  logProb(value: Tensor): Tensor {
    this.checkValue(value);
    return value
      .log()
      .mul(this.concentration.sub(1))
      .sum(-1)
      .add(this.concentration.sum(-1).lgamma())
      .sub(this.concentration.lgamma().sum(-1));
  }
  override entropy(): Tensor {
    const k = this.concentration.size(-1);
    const total = this.concentration.sum(-1);
    return this.concentration
      .lgamma()
      .sum(-1)
      .sub(total.lgamma())
      .sub(total.rsub(k).mul(total.digamma()))
      .sub(this.concentration.sub(1).mul(this.concentration.digamma()).sum(-1));
  }
}
