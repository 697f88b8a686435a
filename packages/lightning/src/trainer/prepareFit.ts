import { forkRng, warn } from '@lightning-ts/torch';
import { readCheckpointFrom } from '../checkpoint/readCheckpoint.js';
import { metricsOf } from '../logging/loggedMetric.js';
import { configureOptimizers } from '../loops/configureOptimizers.js';
import { evaluationLoop } from '../loops/evaluationLoop.js';
import { FitProgress } from '../loops/progress.js';
import type { EvaluationRun, FitRun } from '../loops/run.js';
import { lastReload, TrainData } from '../loops/trainData.js';
import type { Loader } from '../module/loaderTypes.js';
import { amountSize } from './amounts.js';
import { restoreFit, restoreModule } from './checkpoint.js';
import { canValidate, cursorFor, evaluationRun } from './evaluationRun.js';
import { fitRun, validationSchedule } from './fitRun.js';
import type { Session } from './session.js';

/**
 * Everything of `fit` between the `setup` hooks and the loop: weights, device, optimizers, `onFitStart`, saved states, the
 * sanity check, and the loaders.
 *
 * @param path the checkpoint to continue from, or null
 */
export async function prepareFit(session: Session, path: string | null): Promise<FitRun> {
  const { hooks, module, trainer } = session;
  const { options } = trainer;
  const checkpoint = path === null ? null : await readCheckpointFrom(trainer.checkpointIo, path);
  if (path !== null && checkpoint !== null) {
    trainer.loadedPath = path;
    await restoreModule(session, checkpoint, path);
  }
  await session.moveModel();
  const configured = configureOptimizers(module);
  const run = fitRun(session.run, {
    settings: { ...options, accumulateGradBatches: trainer.accumulateGradBatches, fastDevRun: options.fastDevRun > 0 },
    configured,
    data: new TrainData(
      () => trainLoader(session),
      options.limitTrainBatches,
      options.reloadDataloadersEveryNEpochs,
      trainer.strategy,
    ),
    progress: new FitProgress(!module.automaticOptimization),
  });
  trainer.fitRun = run;
  session.onEnd(() => run.data.close());
  session.onEnd(() => run.toggle.restore());
  session.pass('fitStart');
  await hooks.call('onFitStart');
  await session.logHyperparameters();
  if (path !== null && checkpoint !== null) {
    restoreFit(run, checkpoint, path);
    trainer.print(`Restored all states from the checkpoint at ${path}`);
  }
  module.zeroGrad();
  const validates = amountSize(options.limitValBatches) > 0 && canValidate(module, session.data.has('val'));
  let loaders: Loader[] | null = null;
  if (validates && options.numSanityValSteps > 0 && checkpoint === null) loaders = await sanityCheck(session, run);
  await run.data.load(run.progress.currentEpoch);
  const { logEveryNSteps } = options;
  const steps = Math.ceil(run.data.total / trainer.accumulateGradBatches);
  if (trainer.loggers.length > 0 && logEveryNSteps > steps && options.maxEpochs * steps < logEveryNSteps) {
    warn(
      'LOG_INTERVAL',
      `logEveryNSteps is ${logEveryNSteps}, but the whole run has fewer optimizer steps, so no step values are logged. Make it ` +
        'smaller to see some.',
    );
  }
  if (validates) {
    const list = loaders ?? (await validationLoaders(session));
    if (list.length > 0) addValidation(session, run, list);
  }
  run.metrics.active = run.results;
  return run;
}

async function trainLoader(session: Session): Promise<Loader> {
  const ahead = session.trainLoader;
  session.trainLoader = null;
  return ahead ?? (await session.data.load('train'))[0]!;
}

/** An empty list says that there is nothing to validate with: how a data module turns validation off. */
async function validationLoaders({ data }: Session): Promise<Loader[]> {
  const value = await data.ask('val');
  return Array.isArray(value) && value.length === 0 ? [] : data.check('val', value);
}

/** Validates a few batches before training, so that a mistake there shows at once. Leaves no trace in the run. */
async function sanityCheck(session: Session, run: FitRun): Promise<Loader[]> {
  const { hooks, module, trainer } = session;
  const { control, metrics } = trainer;
  const forget = metrics.remember();
  const states = metricsOf(module).map(([, metric]) => [metric, metric.takeStates(), metric.updateCount] as const);
  let loaders: Loader[] = [];
  // With the random numbers as they were: whether it runs changes nothing in training.
  await forkRng(
    async () => {
      control.stage = 'sanity_check';
      trainer.sanityCheck = null;
      await hooks.call('onSanityCheckStart');
      loaders = await validationLoaders(session);
      const check = inFitEvaluation(session, run, loaders, trainer.options.numSanityValSteps);
      trainer.sanityCheck = check;
      if (loaders.length > 0) await evaluationLoop(check);
      await hooks.call('onSanityCheckEnd');
      control.stage = null;
    },
    { devices: ['cpu', trainer.strategy.rootDevice] },
  );
  forget();
  for (const [metric, state, updates] of states) metric.putStates(state, updates);
  return loaders;
}

function addValidation(session: Session, run: FitRun, loaders: readonly Loader[]): void {
  const { options } = session.trainer;
  const evaluation = inFitEvaluation(session, run, loaders, null);
  const { checkValEveryNEpoch, reloadDataloadersEveryNEpochs: reloadEvery } = options;
  const validatesIn = (epoch: number): boolean => (epoch + 1) % (checkValEveryNEpoch ?? 1) === 0;
  let loadedFor = lastReload(run.progress.currentEpoch, reloadEvery, validatesIn);
  run.evaluation = evaluation;
  run.validation = validationSchedule(options, run.data.total, async () => {
    const { control, progress } = run;
    if (reloadEvery > 0 && progress.currentEpoch - loadedFor >= reloadEvery) {
      loadedFor = progress.currentEpoch;
      const limit = { limit: options.limitValBatches, limitName: 'limitValBatches' };
      evaluation.cursors = (await session.data.load('val')).map((loader) => cursorFor(loader, limit));
    }
    control.stage = 'validate';
    await evaluationLoop(evaluation);
    control.stage = 'train';
  });
}

function inFitEvaluation(
  session: Session,
  run: FitRun,
  loaders: readonly Loader[],
  sanitySteps: number | null,
): EvaluationRun {
  const { progress } = run;
  return evaluationRun(session.run, {
    stage: 'validate',
    loaders,
    limit: session.trainer.options.limitValBatches,
    limitName: 'limitValBatches',
    atMost: sanitySteps ?? Number.POSITIVE_INFINITY,
    // Inference tensors could not take part in training afterwards.
    usesInferenceMode: false,
    isSanityCheck: sanitySteps !== null,
    ...(sanitySteps === null ? { progress: progress.validation } : {}),
    rowPosition: () => ({ step: progress.batchesThatStepped, epoch: progress.currentEpoch }),
  });
}
