import { renderEvaluationTable } from '../terminal/evaluationTable.js';
import { supportsColor } from '../terminal/style.js';
import { amountInWords } from './amounts.js';
import type { Trainer } from './trainer.js';

/** Says in one line what training is about to do: how the options were understood. */
export function printSummary(trainer: Trainer): void {
  const { options, fitRun } = trainer;
  if (!options.enableModelSummary && !options.enableProgressBar) return;
  const parts = [`${trainer.strategy.rootDevice}, ${options.precision}`];
  const limits = [
    options.maxEpochs === Number.POSITIVE_INFINITY
      ? null
      : `${options.maxEpochs} ${options.maxEpochs === 1 ? 'epoch' : 'epochs'}`,
    options.maxSteps === Number.POSITIVE_INFINITY ? null : `${options.maxSteps} steps`,
  ].filter((limit) => limit !== null);
  parts.push(limits.length === 0 ? 'no limit of epochs or steps' : `up to ${limits.join(' or ')}`);
  for (const name of ['limitTrainBatches', 'limitValBatches'] as const) {
    const words = amountInWords(options[name]);
    if (words !== 'all batches') parts.push(`${name}: ${words}`);
  }
  if (!trainer.validatesOncePerEpoch && fitRun?.validation) {
    const { checkValEveryNEpoch, valCheckInterval } = options;
    const interval =
      'milliseconds' in valCheckInterval ? amountInWords(valCheckInterval) : `every ${amountInWords(valCheckInterval)}`;
    const epochs =
      checkValEveryNEpoch === null
        ? ', counted across epochs'
        : checkValEveryNEpoch > 1
          ? ` of every ${checkValEveryNEpoch} epochs`
          : '';
    parts.push(`validation ${interval}${epochs}`);
  }
  if (options.accumulateGradBatches > 1) parts.push(`a step for every ${options.accumulateGradBatches} batches`);
  trainer.print(`Training on ${parts.join('; ')}.`);
}

/** Prints the values of a validation or test. */
export function printEvaluation(
  trainer: Trainer,
  stage: 'validate' | 'test',
  results: readonly Record<string, number>[],
): void {
  if (results.every((values) => Object.keys(values).length === 0)) return;
  const { stdout } = process;
  trainer.print(renderEvaluationTable(stage, results, stdout.columns || 80, supportsColor(stdout)));
}
