import { Tensor } from './tensor.js';

/** A tensor that a module trains: found by walking the module's fields, requires gradients unless told otherwise. */
export class Parameter extends Tensor {
  constructor(data: Tensor, options: { requiresGrad?: boolean } = {}) {
    super(data.detach().handle);
    if (options.requiresGrad ?? true) this.requiresGrad = true;
  }
}
