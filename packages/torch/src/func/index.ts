export type { DerivativeOptions } from './derivativeInputs.js';
export { functionalCall } from './functionalCall.js';
export { type GradFunctionOptions, grad, valueAndGrad } from './grad.js';
export { type GradcheckOptions, gradcheck, gradgradcheck } from './gradcheck.js';
export { hessian, jacobian } from './jacobian.js';
export { hvp, jvp, vhp, vjp } from './products.js';
export type { SameTree, TensorTree } from './tensorTree.js';
