import type { HookName } from '../hooks/trainerHooks.js';
import type { EvaluationStage } from './run.js';

/** The hooks of one evaluation entry point. */
interface EvaluationHooks {
  readonly start: Extract<HookName, 'onValidationStart' | 'onTestStart' | 'onPredictStart'>;
  readonly epochStart: Extract<HookName, 'onValidationEpochStart' | 'onTestEpochStart' | 'onPredictEpochStart'>;
  readonly batchStart: Extract<HookName, 'onValidationBatchStart' | 'onTestBatchStart' | 'onPredictBatchStart'>;
  readonly batchEnd: Extract<HookName, 'onValidationBatchEnd' | 'onTestBatchEnd' | 'onPredictBatchEnd'>;
  readonly epochEnd: Extract<HookName, 'onValidationEpochEnd' | 'onTestEpochEnd' | 'onPredictEpochEnd'>;
  readonly end: Extract<HookName, 'onValidationEnd' | 'onTestEnd' | 'onPredictEnd'>;
  readonly step: 'validationStep' | 'testStep' | 'predictStep';
}

export const evaluationHooks: Readonly<Record<EvaluationStage, EvaluationHooks>> = {
  validate: {
    start: 'onValidationStart',
    epochStart: 'onValidationEpochStart',
    batchStart: 'onValidationBatchStart',
    batchEnd: 'onValidationBatchEnd',
    epochEnd: 'onValidationEpochEnd',
    end: 'onValidationEnd',
    step: 'validationStep',
  },
  test: {
    start: 'onTestStart',
    epochStart: 'onTestEpochStart',
    batchStart: 'onTestBatchStart',
    batchEnd: 'onTestBatchEnd',
    epochEnd: 'onTestEpochEnd',
    end: 'onTestEnd',
    step: 'testStep',
  },
  predict: {
    start: 'onPredictStart',
    epochStart: 'onPredictEpochStart',
    batchStart: 'onPredictBatchStart',
    batchEnd: 'onPredictBatchEnd',
    epochEnd: 'onPredictEpochEnd',
    end: 'onPredictEnd',
    step: 'predictStep',
  },
};
