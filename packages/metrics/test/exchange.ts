import { Tensor } from '@lightning-ts/torch';
import type { MetricSync } from '../src/index.js';

/** Thrown where a process would wait for the others. */
class Waiting extends Error {}

/**
 * Runs `body` for each rank, as processes that exchange tensors would: what one gives to `allGather`, all get. A rank that
 * would have to wait is started again once all have given their part, so `body` must do the same each time.
 */
export function exchange<Value>(worldSize: number, body: (group: MetricSync, rank: number) => Value): Value[] {
  const rounds: Tensor[][] = [];
  for (;;) {
    const given: Tensor[] = [];
    const values: Value[] = [];
    for (let rank = 0; rank < worldSize; rank += 1) {
      let at = 0;
      const allGather = (tensor: Tensor): Tensor[] => {
        const round = rounds[at];
        at += 1;
        if (round !== undefined) return round.map((one) => one.clone());
        given[rank] = tensor.clone();
        throw new Waiting();
      };
      try {
        values[rank] = body({ worldSize, allGather }, rank);
      } catch (error) {
        if (!(error instanceof Waiting)) throw error;
      }
    }
    if (given.length === 0) return values;
    checkAlike(given, worldSize);
    rounds.push(given);
  }
}

/** A backend hangs or breaks where one rank gives another shape or dtype, or nothing. */
function checkAlike(given: readonly Tensor[], worldSize: number): void {
  const found = Array.from({ length: worldSize }, (_, rank) =>
    given[rank] instanceof Tensor ? `${given[rank].dtype} [${given[rank].shape}]` : 'nothing',
  );
  if (new Set(found).size !== 1) throw new Error(`ranks gave different tensors: ${found.join(', ')}`);
}
