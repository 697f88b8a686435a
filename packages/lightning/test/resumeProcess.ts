// Runs in a process of its own: `resumeProcess.ts '<json of ProcessTask[]>'`. Prints "outcome <json>" for each task.
import { Callback, type Trainer } from '@lightning-ts/lightning';
import { silenceWarnings } from '@lightning-ts/torch';
import { runResumed, type Scenario, type Taken } from './resumeScenario.js';

/** What another process is asked to do. */
export interface ProcessTask {
  readonly scenario: Scenario;
  readonly folder: string;
  /** Where to continue; `'auto'` is the newest checkpoint, or the start when there is none. */
  readonly from: Taken | 'auto';
  /** Whether to print "step n" when a batch begins. */
  readonly saysSteps?: boolean;
}

class SayingSteps extends Callback {
  override onTrainBatchStart(trainer: Trainer): void {
    console.log(`step ${trainer.globalStep}`);
  }
}

silenceWarnings('CHECKPOINT_DIRECTORY_NOT_EMPTY', 'CALLBACK_STATE_UNUSED');
for (const { folder, from, saysSteps, scenario } of JSON.parse(process.argv[2]!) as ProcessTask[]) {
  const outcome = await runResumed(scenario, folder, from, saysSteps ? [new SayingSteps()] : []);
  console.log(`outcome ${JSON.stringify(outcome)}`);
}
