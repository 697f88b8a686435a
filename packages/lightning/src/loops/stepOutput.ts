import { Tensor, warn } from '@lightning-ts/torch';
import { LightningError } from '../errors.js';
import type { StepOutputs } from '../hooks/trainerHooks.js';
import { describe } from '../module/hparams.js';
import type { LightningModule } from '../module/lightningModule.js';

const forms = 'Return the loss (a tensor with one element), { loss, ... }, or null to skip the batch.';

/**
 * The loss in what `trainingStep` returned; null when it asked to skip the batch.
 *
 * @throws LightningError TRAINING_STEP_OUTPUT, LOSS_NOT_SCALAR, LOSS_WITHOUT_GRAD
 */
export function lossOf(output: unknown, module: LightningModule): Tensor | null {
  if (output === null) return null;
  const loss: unknown = output instanceof Tensor ? output : (output as { loss?: unknown } | undefined)?.loss;
  if (!(loss instanceof Tensor)) throw unusable(output, module);
  if (loss.numel() !== 1) {
    throw new LightningError(
      'LOSS_NOT_SCALAR',
      `${module.constructor.name}.trainingStep returned a loss of shape [${loss.shape.join(', ')}], but a loss is one number. ` +
        'Reduce it, for example with loss.mean().',
    );
  }
  if (!loss.requiresGrad) {
    throw new LightningError(
      'LOSS_WITHOUT_GRAD',
      `The loss that ${module.constructor.name}.trainingStep returned does not depend on any parameter that requires a gradient, ` +
        'so there is nothing to train. It may have been detached, computed inside noGrad, or every parameter is frozen.',
    );
  }
  return loss;
}

/** What `onTrainBatchEnd` gets of a step: everything the step returned, with the loss detached. */
export function stepOutputs(output: unknown, loss: Tensor | null): StepOutputs {
  if (loss === null) return {};
  return output instanceof Tensor ? { loss: loss.detach() } : { ...(output as object), loss: loss.detach() };
}

/**
 * What `onTrainBatchEnd` gets of a step of manual optimization, which may return a loss, an object, or nothing.
 *
 * @throws LightningError TRAINING_STEP_OUTPUT for anything else
 */
export function manualStepOutputs(output: unknown, module: LightningModule): StepOutputs {
  if (output === null || output === undefined) return {};
  if (output instanceof Tensor) return { loss: output.detach() };
  if (typeof output !== 'object' || Array.isArray(output)) throw unusable(output, module);
  const { loss } = output as { loss?: unknown };
  return loss instanceof Tensor ? { ...output, loss: loss.detach() } : { ...output, loss: undefined };
}

function unusable(output: unknown, module: LightningModule): LightningError {
  const came =
    output === undefined
      ? 'returned nothing'
      : typeof output === 'object' && !Array.isArray(output)
        ? `returned ${describe(output)} in which 'loss' is ${describe((output as { loss?: unknown }).loss)}`
        : `returned ${describe(output)}`;
  return new LightningError('TRAINING_STEP_OUTPUT', `${module.constructor.name}.trainingStep ${came}. ${forms}`);
}

/**
 * The loader gave null in a batch's place: nothing is trained on it, and its hooks get no outputs.
 *
 * @throws LightningError BATCH_MISSING with several processes: the others would wait for this one's gradients
 */
export function skipNullBatch(worldSize: number): StepOutputs {
  if (worldSize > 1) {
    throw new LightningError(
      'BATCH_MISSING',
      'The training loader gave null for a batch, but the other processes wait for its gradients. Leave such batches out in the loader, ' +
        "or such samples with onBadSample: 'skip'.",
    );
  }
  warn(
    'BATCH_NULL',
    'The training loader gave null for a batch, which is skipped. Leave such batches out in the loader.',
  );
  return {};
}
