import { CSVLogger } from '../loggers/csvLogger.js';
import type { Logger } from '../loggers/logger.js';
import type { ResolvedOptions } from './resolveOptions.js';

/** The loggers of a Trainer; a trial run has none, so that it leaves no files behind. */
export function defaultLoggers(options: ResolvedOptions): readonly Logger[] {
  if (options.fastDevRun > 0) return [];
  return options.logger === true ? [new CSVLogger(options.defaultRootDir)] : options.logger;
}
