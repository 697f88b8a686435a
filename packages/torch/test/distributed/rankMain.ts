// A process that is one rank of job after job. Ends when told to, as soon as nothing is left to do.

import {
  DistributedError,
  destroyProcessGroup,
  initProcessGroup,
  isInitialized,
  PrefixStore,
  type Store,
  TCPStore,
} from '../../src/distributed/index.js';
import { setNumThreads, TorchError } from '../../src/index.js';
import type { Assignment, RankResult, ReportedError } from './runRanks.js';

export interface Rank {
  rank: number;
  worldSize: number;
  /** Shared by the ranks of this job only. */
  store: Store;
}
type Scenario = (args: unknown, rank: Rank) => unknown;

function described(error: unknown): ReportedError {
  const known = error instanceof DistributedError ? error : null;
  return {
    name: error instanceof Error ? error.name : typeof error,
    code: error instanceof TorchError ? error.code : null,
    message: error instanceof Error ? error.message : String(error),
    ranks: known?.ranks ?? [],
    ...(error instanceof Error && { stack: error.stack }),
    collective: known?.collective ?? null,
    firstFailure: known?.firstFailure ?? null,
  };
}

let connection: TCPStore | null = null;

async function run(assignment: Assignment): Promise<Partial<RankResult<unknown>>> {
  const { scenario, rank, worldSize, port, prefix, joinsItself, args, env } = assignment;
  const [file, name] = scenario.split('.') as [string, string];
  const scenarios = (await import(`./scenarios/${file}.ts`)) as Record<string, Scenario>;
  connection ??= await TCPStore.open({ host: '127.0.0.1', port });
  const store = new PrefixStore(prefix, connection);
  const result: Partial<RankResult<unknown>> = {};
  Object.assign(process.env, env);
  const start = performance.now();
  try {
    if (!joinsItself) await initProcessGroup({ store, rank, worldSize, timeout: 20_000 });
    result.value = (await scenarios[name]!(args, { rank, worldSize, store })) ?? null;
  } catch (error) {
    result.error = described(error);
  }
  result.took = performance.now() - start;
  if (isInitialized()) await destroyProcessGroup();
  store.close();
  for (const variable of Object.keys(env)) delete process.env[variable];
  return result;
}

setNumThreads(1);
process.on('message', async (message) => {
  if (message === 'end') {
    connection?.close();
    process.disconnect();
    return;
  }
  process.send!(await run(message as Assignment));
});
