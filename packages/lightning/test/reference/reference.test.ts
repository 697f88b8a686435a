import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { silenceWarnings } from '@lightning-ts/torch';
import { expect, test } from 'vitest';
import { differences } from './differences.js';
import { runScenario } from './runScenario.js';
import type { Outcome, Scenario } from './scenario.js';

// What Python Lightning did in each scenario, recorded by make.py. Numbers are equal bit for bit: both run on one engine, with
// the same seed. Where we differ on purpose, differences.ts says how, and the rest is compared all the same.

const read = (name: string): string => readFileSync(fileURLToPath(new URL(name, import.meta.url)), 'utf8');
const scenarios = JSON.parse(read('scenarios.json')) as Scenario[];
const recorded = JSON.parse(read('fixtures/recorded.json')) as { hooks: string[]; scenarios: Outcome[] };
silenceWarnings(
  'BATCH_NULL',
  'BATCH_SIZE_GUESSED',
  'CHECKPOINT_DIRECTORY_NOT_EMPTY',
  'LOG_INTERVAL',
  'RESUME_POSITION',
  'STOP_DELAYED',
);

/** What is recorded of a scenario, with the hooks' names in place of their numbers. */
function recordingOf(name: string): Outcome {
  const found = recorded.scenarios.find((each) => each.name === name);
  if (found === undefined) throw new Error(`'${name}' is not recorded; run make.py`);
  const outcome = structuredClone(found);
  for (const run of outcome.runs) {
    const numbers = run.hooks.split(' ').filter((number) => number !== '');
    run.hooks = numbers.map((number) => recorded.hooks[Number(number)]!).join(' ');
  }
  return outcome;
}

test('the table and the recording have the same scenarios, and every difference is one of them', () => {
  const names = scenarios.map(({ name }) => name);
  expect(recorded.scenarios.map(({ name }) => name)).toEqual(names);
  expect(Object.keys(differences).filter((name) => !names.includes(name))).toEqual([]);
});

test.each(scenarios)('as in the reference: $name', async (scenario) => {
  const { options, change, without } = differences[scenario.name] ?? {};
  const expected = recordingOf(scenario.name);
  const outcome = await runScenario(scenario, options);
  change?.(expected);
  for (const each of [outcome, expected]) without?.(each);
  // One call a line, so that a failure shows where they part.
  for (const { runs } of [outcome, expected])
    for (const run of runs) (run as unknown as { hooks: string[] }).hooks = run.hooks.split(' ');
  expect(outcome).toEqual(expected);
});
