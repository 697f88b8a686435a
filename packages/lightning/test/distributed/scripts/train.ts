// A user's script: trains once or several times in all processes of a job, and prints what came of each.
import { appendFileSync } from 'node:fs';
import { failAt } from './faults.js';
import { runTask, type TrainTask } from './trainTask.js';

/** What the script is told, as JSON. */
export interface TrainScript {
  readonly tasks: readonly TrainTask[];
  /** A file that gets the process id of every process. */
  readonly pids?: string;
}

const { pids, tasks } = JSON.parse(process.argv[2]!) as TrainScript;
if (pids !== undefined) appendFileSync(pids, `${process.pid}\n`);
failAt(
  'start',
  tasks.flatMap(({ faults = [] }) => faults),
);
for (const task of tasks) {
  const outcome = await runTask(task);
  if (outcome !== null) console.log(`result ${JSON.stringify(outcome)}`);
}
