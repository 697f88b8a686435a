import { describe, expect, it } from 'vitest';
import { batches, LossModel } from '../../test/lossModel.js';
import { Trainer } from '../trainer/trainer.js';
import { Callback } from './callback.js';
import { Timer } from './timer.js';

class Slow extends Callback {
  override async onTrainBatchStart(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

const trainerWith = (timer: Timer): Trainer =>
  new Trainer({
    maxEpochs: 5,
    logger: false,
    enableCheckpointing: false,
    enableProgressBar: false,
    enableModelSummary: false,
    callbacks: [new Slow(), timer],
  });

describe('Timer', () => {
  it('stops after the batch in which the time is over', async () => {
    const timer = new Timer({ duration: { milliseconds: 50 }, verbose: false });
    const trainer = trainerWith(timer);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(50) });
    expect(trainer.globalStep).toBeGreaterThanOrEqual(2);
    expect(trainer.globalStep).toBeLessThan(10);
    expect(timer.timeElapsed()).toBeGreaterThanOrEqual(0.05);
    expect(timer.timeRemaining()!).toBeLessThanOrEqual(0);
  });

  it('looks at epochs only when told so', async () => {
    const timer = new Timer({ duration: { milliseconds: 20 }, interval: 'epoch', verbose: false });
    const trainer = trainerWith(timer);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(4) });
    expect(trainer.globalStep).toBe(4);
  });

  it('measures each stage, without a limit too', async () => {
    const timer = new Timer();
    const trainer = trainerWith(timer);
    await trainer.fit(new LossModel([1]), { trainDataloaders: batches(2), valDataloaders: batches(1) });
    await trainer.test(new LossModel(), { dataloaders: batches(1), verbose: false });
    expect(timer.timeRemaining()).toBe(null);
    expect(timer.timeElapsed('train')).toBeGreaterThan(0.1);
    expect(timer.timeElapsed('validate')).toBeLessThan(timer.timeElapsed('train'));
    expect(timer.endTime('test')!).toBeGreaterThan(timer.startTime('test')!);
    expect([timer.startTime('predict'), timer.timeElapsed('predict')]).toEqual([null, 0]);
  });

  it('counts the time before a resume', () => {
    const timer = new Timer({ duration: '00:00:01:00' });
    const state = timer.stateDict() as { time_elapsed: Record<string, number> };
    expect(Object.keys(state.time_elapsed)).toEqual(['train', 'sanity_check', 'validate', 'test', 'predict']);
    timer.loadStateDict({ time_elapsed: { ...state.time_elapsed, train: 45 } });
    expect([timer.timeElapsed(), timer.timeRemaining()]).toEqual([45, 15]);
  });

  it('does not train at all when a resumed run has used up its time', async () => {
    const timer = new Timer({ duration: '00:00:01:00', verbose: false });
    timer.loadStateDict({ time_elapsed: { train: 100 } });
    const trainer = trainerWith(timer);
    await trainer.fit(new LossModel(), { trainDataloaders: batches(4) });
    expect(trainer.globalStep).toBe(0);
  });

  it('refuses bad options', () => {
    expect(() => new Timer({ duration: '5 minutes' })).toThrow(/OPTION_INVALID/);
    expect(() => new Timer({ interval: 'batch' as never })).toThrow(/OPTION_INVALID/);
  });
});
