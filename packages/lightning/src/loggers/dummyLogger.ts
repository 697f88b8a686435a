import { Logger } from './logger.js';

/**
 * Stands for the loggers of a trial run: takes everything and keeps nothing. Its `experiment` answers every call and every
 * property, so that code written for a real logger runs.
 */
export class DummyLogger extends Logger {
  override readonly name = '';
  override readonly version = '';
  override readonly saveDir = null;

  override get experiment(): DummyExperiment {
    return dummyExperiment;
  }

  override logMetrics(): void {}

  override logHyperparams(): void {}
}

/** Any call and any property gives it back. */
export type DummyExperiment = ((...args: unknown[]) => DummyExperiment) & { readonly [name: string]: DummyExperiment };

const dummyExperiment: DummyExperiment = new Proxy((() => dummyExperiment) as unknown as DummyExperiment, {
  // A promise, an iterator or a conversion would never end.
  get: (_, name) => (name === 'then' || typeof name === 'symbol' ? undefined : dummyExperiment),
  set: () => true,
});
