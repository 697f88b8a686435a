import type { Device } from './device.js';
import { OperatorMethods } from './generated/operatorMethods.js';
import { type Handle, native } from './native.js';

/** What can be asked of a tensor besides its shape and dtype. The part of `Tensor` that needs nothing of the rest. */
export abstract class TensorFacts extends OperatorMethods {
  /** The engine's tensor; for this package only. */
  abstract readonly handle: Handle;
  abstract readonly device: Device;

  get isCpu(): boolean {
    return this.device.type === 'cpu';
  }
  get isCuda(): boolean {
    return this.device.type === 'cuda';
  }
  get isMps(): boolean {
    return this.device.type === 'mps';
  }
  /** Without elements: for shapes only. */
  get isMeta(): boolean {
    return this.device.type === 'meta';
  }
  /** In coordinate form; `isSparseCsr` for compressed rows. */
  get isSparse(): boolean {
    return native.layout(this.handle) === 'sparse_coo';
  }
  get isSparseCsr(): boolean {
    return native.layout(this.handle) === 'sparse_csr';
  }
  /** Made inside of `inferenceMode`. */
  isInference(): boolean {
    return native.isInference(this.handle);
  }
  /** Which of its operation's results it is. */
  get outputNr(): number {
    return native.outputNumber(this.handle);
  }
  /** Whether `retainGrad` was called. */
  get retainsGrad(): boolean {
    return native.retainsGrad(this.handle);
  }
  /** How often its contents were changed in place. Backward compares it. */
  get version(): number {
    return native.version(this.handle);
  }
  /** The address of the first element, for telling tensors apart. */
  dataPtr(): bigint {
    return native.dataPointer(this.handle);
  }
  /** The index of its device, −1 on the CPU. */
  getDevice(): number {
    return this.device.index ?? -1;
  }
}
