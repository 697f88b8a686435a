import type { Optimizer } from '../optimizer.js';
import { cosine } from './exactMath.js';
import { LRScheduler, type LRSchedulerOptions, requireCount, requireNumber } from './lrScheduler.js';

export interface CosineAnnealingWarmRestartsOptions extends LRSchedulerOptions {
  /** Epochs until the first restart (Python's `T_0`). */
  t0: number;
  /** Each cycle is this many times as long as the one before; default 1 (Python's `T_mult`). */
  tMult?: number;
  /** The lowest rate; default 0. */
  etaMin?: number;
}

/**
 * Half a cosine from the initial rate down to `etaMin`, again and again.
 *
 * Source: Loshchilov and Hutter, SGDR (2016). `step(epoch)` takes fractions of epochs.
 */
export class CosineAnnealingWarmRestarts extends LRScheduler {
  t0: number;
  tMult: number;
  etaMin: number;
  /** Length of the present cycle. */
  tI: number;
  /** Epochs since the last restart. */
  tCur: number;

  constructor(optimizer: Optimizer, options: CosineAnnealingWarmRestartsOptions) {
    super(optimizer, options);
    const { t0, tMult = 1, etaMin = 0 } = options;
    requireCount('CosineAnnealingWarmRestarts: t0', t0);
    requireCount('CosineAnnealingWarmRestarts: tMult', tMult);
    requireNumber('CosineAnnealingWarmRestarts: etaMin', etaMin);
    this.t0 = t0;
    this.tI = t0;
    this.tMult = tMult;
    this.etaMin = etaMin;
    this.tCur = this.lastEpoch;
    this.initialStep();
  }

  override step(epoch?: number): void {
    if (epoch === undefined && this.lastEpoch >= 0) this.goOn();
    else this.jumpTo(epoch ?? 0);
    this.setLr(this.getLr());
  }

  protected override getLr(): number[] {
    const { etaMin, tCur, tI } = this;
    return this.baseLrs.map((base) => etaMin + ((base - etaMin) * (1 + cosine((Math.PI * tCur) / tI))) / 2);
  }

  protected override stateFields(): Record<string, string> {
    return { T_0: 't0', T_i: 'tI', T_mult: 'tMult', eta_min: 'etaMin', T_cur: 'tCur' };
  }

  private goOn(): void {
    this.lastEpoch += 1;
    this.tCur += 1;
    if (this.tCur < this.tI) return;
    this.tCur -= this.tI;
    this.tI *= this.tMult;
  }

  private jumpTo(epoch: number): void {
    requireNumber('epoch', epoch, (value) => value >= 0, 'a number from 0 up');
    const { t0, tMult } = this;
    if (epoch < t0) {
      this.tI = t0;
      this.tCur = epoch;
    } else if (tMult === 1) {
      this.tCur = epoch % t0;
    } else {
      const restarts = Math.floor(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
      this.tCur = epoch - (t0 * (tMult ** restarts - 1)) / (tMult - 1);
      this.tI = t0 * tMult ** restarts;
    }
    this.lastEpoch = Math.floor(epoch);
  }
}
