/**
 * How fast something goes, and when it will be done. Pauses do not count; the rate is smoothed, and settles on the mean when
 * asked at the end. Times are in seconds.
 */
export class RateMeter {
  private paused = 0;
  private pausedAt: number | null = null;
  private lastDone = 0;
  private lastActive = 0;
  private smoothed = 0;

  constructor(private readonly startedAt: number) {}

  /** Time since the start, pauses included. */
  elapsed(now: number): number {
    return now - this.startedAt;
  }

  pause(now: number): void {
    this.pausedAt ??= now;
  }

  resume(now: number): void {
    if (this.pausedAt !== null) this.paused += now - this.pausedAt;
    this.pausedAt = null;
  }

  /** Takes in how much is done by now. Returns the current rate, 0 when there is nothing to tell it by. */
  update(done: number, now: number): number {
    const active = this.active(now);
    const time = active - this.lastActive;
    if (done > this.lastDone && time > 0) {
      const current = (done - this.lastDone) / time;
      this.smoothed = this.smoothed === 0 ? current : 0.3 * current + 0.7 * this.smoothed;
      this.lastDone = done;
      this.lastActive = active;
    }
    return this.smoothed;
  }

  /** The rate over the whole time. */
  mean(done: number, now: number): number {
    const active = this.active(now);
    return active > 0 ? done / active : 0;
  }

  private active(now: number): number {
    const pause = this.pausedAt === null ? 0 : now - this.pausedAt;
    return now - this.startedAt - this.paused - pause;
  }
}
