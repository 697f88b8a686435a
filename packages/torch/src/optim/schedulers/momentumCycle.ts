import type { Optimizer } from '../optimizer.js';
import { fail, type ScheduledGroup } from './lrScheduler.js';

/** Whether momentum is the first of `betas`, as in the Adam family; fails for optimizers that have no momentum. */
export function usesBeta1(scheduler: string, optimizer: Optimizer): boolean {
  if ('betas' in optimizer.defaults) return true;
  if ('momentum' in optimizer.defaults) return false;
  return fail(`${scheduler}: the optimizer has neither momentum nor betas to cycle; set cycleMomentum: false`);
}

export const momentumOf = (group: ScheduledGroup, useBeta1: boolean): number =>
  useBeta1 ? group.betas![0]! : group.momentum!;

export function setMomentum(group: ScheduledGroup, useBeta1: boolean, momentum: number): void {
  if (useBeta1) group.betas = [momentum, ...group.betas!.slice(1)];
  else group.momentum = momentum;
}
