import type { Rank } from '../rankMain.js';
import * as collectives from './collectives.js';

export async function run(_: unknown, rank: Rank): Promise<Record<string, unknown>> {
  return {
    reductions: collectives.reductions(),
    moves: collectives.moves(),
    shapes: collectives.shapes(),
    messages: await collectives.messages(),
    objects: await collectives.objects(),
    memory: await collectives.memory(),
    subGroups: rank.worldSize === 3 ? await collectives.subGroups(null, rank) : {},
  };
}
