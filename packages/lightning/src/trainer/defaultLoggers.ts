import { CSVLogger } from '../loggers/csvLogger.js';
import { DummyLogger } from '../loggers/dummyLogger.js';
import type { Logger } from '../loggers/logger.js';
import type { ResolvedOptions } from './resolveOptions.js';

/** The loggers of a Trainer; a trial run has one that keeps nothing, so that it leaves no files behind. */
export function defaultLoggers(options: ResolvedOptions): readonly Logger[] {
  const loggers = options.logger === true ? [new CSVLogger(options.defaultRootDir)] : options.logger;
  return options.fastDevRun > 0 && loggers.length > 0 ? [new DummyLogger()] : loggers;
}
