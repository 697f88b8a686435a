import type { Device, Tensor } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import { refusePromise } from '../hooks/refusePromise.js';
import type { LightningModule } from '../module/lightningModule.js';
import type { BackwardOptions } from '../module/moduleContext.js';
import { moveToDevice } from './moveToDevice.js';
import type { Strategy } from './strategy.js';

/** One process on one device. */
export class SingleDeviceStrategy implements Strategy {
  readonly name = 'single_device';
  readonly worldSize = 1;
  readonly globalRank = 0;
  readonly localRank = 0;
  readonly nodeRank = 0;
  readonly isGlobalZero = true;
  private connected: LightningModule | null = null;

  /** `device` may be a function: which devices there are is known only with libtorch loaded, which takes a while. */
  constructor(private device: Device | (() => Device)) {}

  get rootDevice(): Device {
    if (typeof this.device === 'function') this.device = this.device();
    return this.device;
  }

  get module(): LightningModule | null {
    return this.connected;
  }

  connect(module: LightningModule): void {
    this.connected = module;
  }

  async setupEnvironment(): Promise<void> {}

  async setup(): Promise<void> {
    if (this.connected === null)
      throw new LightningError('MODEL_MISSING', 'The strategy has no module. Call connect(module) first.');
    this.connected.to(this.rootDevice);
  }

  batchToDevice<Batch>(batch: Batch): Batch {
    // Tensors are made on the CPU: there is nothing to move, and nothing to walk through.
    return this.rootDevice.type === 'cpu' ? batch : moveToDevice(batch, this.rootDevice);
  }

  backward(module: LightningModule, loss: Tensor, options?: BackwardOptions): void {
    refusePromise(module.constructor.name, 'backward', module.backward(loss, options));
  }

  withoutGradSync<T>(step: () => T): T {
    return step();
  }

  reduce(value: Tensor): Tensor {
    return value;
  }

  reduceBooleanDecision(decision: boolean): boolean {
    return decision;
  }

  allGather(value: Tensor): Tensor {
    return value;
  }

  broadcast<T>(value: T): T {
    return value;
  }

  async barrier(): Promise<void> {}

  async teardown(): Promise<void> {
    if (this.rootDevice.type !== 'cpu') this.connected?.to('cpu');
  }
}
