import { format } from 'node:util';
import { LiveRegion } from './liveRegion.js';
import type { BarView, ProgressLayout } from './progressLayout.js';
import { RateMeter } from './rateMeter.js';
import { createStyle, type Style, supportsColor, supportsRedraw, type TerminalStream } from './style.js';

/** One bar: what it counts and since when. */
export class Bar {
  done = 0;
  meter = new RateMeter(seconds());

  constructor(
    public label: string,
    public total: number,
  ) {}

  /** Counts anew, under another label. */
  restart(label: string, total: number): void {
    this.label = label;
    this.total = total;
    this.done = 0;
    this.meter = new RateMeter(seconds());
  }

  pause(): void {
    this.meter.pause(seconds());
  }

  resume(): void {
    this.meter.resume(seconds());
  }

  view(metrics: Readonly<Record<string, number | string>>, isFinished: boolean): BarView {
    const now = seconds();
    const rate = isFinished ? this.meter.mean(this.done, now) : this.meter.update(this.done, now);
    return {
      label: this.label,
      done: this.done,
      total: this.total,
      elapsed: this.meter.elapsed(now),
      remaining: rate > 0 ? (this.total - this.done) / rate : Number.POSITIVE_INFINITY,
      rate,
      metrics: Object.entries(metrics),
    };
  }
}

/** Bars that finish faster than this after one another (in ms) share a line, so that tiny epochs do not flood the output. */
const shortestLineInterval = 100;

/**
 * Where bars appear: redrawn in place on a terminal, as a readable line now and then where the output is recorded (a pipe, a
 * file, CI).
 */
export class BarScreen {
  /** Whether bars are redrawn in place. */
  readonly isLive: boolean;
  private readonly style: Style;
  private readonly region: LiveRegion;
  /** Milliseconds between two drawings. */
  private readonly interval: number;
  private nextDraw = 0;
  private lastLine = Number.NEGATIVE_INFINITY;
  /** A finished bar's lines, when it came too soon after the one before. */
  private heldLines: string[] = [];

  /**
   * @param frames how often a live bar may be redrawn, times a second
   * @param plainInterval seconds between two lines in recorded output
   */
  constructor(
    private readonly stream: TerminalStream,
    private readonly layout: () => ProgressLayout,
    frames: number,
    plainInterval: number,
  ) {
    this.style = createStyle(supportsColor(stream));
    this.region = new LiveRegion(stream);
    this.isLive = supportsRedraw(stream);
    this.interval = this.isLive ? 1000 / frames : plainInterval * 1000;
  }

  /** Whether enough time has passed since the last drawing. */
  get isDue(): boolean {
    return performance.now() >= this.nextDraw;
  }

  get isShown(): boolean {
    return this.region.isShown;
  }

  /** A run begins: nothing has been drawn. */
  begin(): void {
    this.nextDraw = 0;
    this.lastLine = Number.NEGATIVE_INFINITY;
  }

  /** A bar begins. Where output is recorded, only what takes long is worth a line before it is done. */
  startBar(): void {
    if (!this.isLive) this.nextDraw = performance.now() + this.interval;
  }

  /** Draws a bar, and below it the one nested in it. */
  draw(main: BarView, nested: BarView | null): void {
    this.nextDraw = performance.now() + this.interval;
    if (this.isLive) {
      this.region.draw(this.layout().live(nested === null ? [main] : [main, nested], this.region.width, this.style));
      return;
    }
    const view = nested === null ? main : { ...nested, label: `${main.label} ${nested.label}` };
    this.stream.write(`${this.layout().plain(view)}\n`);
  }

  /**
   * Ends a bar.
   *
   * @param stays whether it is left on the screen; otherwise the next one takes its place
   * @param mayWait whether it may share its line with the next when that comes at once
   */
  finish(bar: BarView, stays: boolean, mayWait: boolean): void {
    const lines = this.isLive ? this.layout().finished(bar, this.region.width, this.style) : [this.layout().plain(bar)];
    const now = performance.now();
    if (!stays || (mayWait && now - this.lastLine < shortestLineInterval)) {
      this.heldLines = lines;
      if (this.isLive && now >= this.nextDraw) {
        this.nextDraw = now + this.interval;
        this.region.draw(lines);
      }
      return;
    }
    this.leave(lines);
    this.lastLine = now;
  }

  /** Leaves what `finish` held back. */
  flush(): void {
    if (this.heldLines.length > 0) this.leave(this.heldLines);
  }

  /** Prints above the bars. */
  print(values: readonly unknown[]): void {
    this.region.print(format(...values));
  }

  clear(): void {
    this.region.clear();
  }

  private leave(lines: readonly string[]): void {
    this.heldLines = [];
    if (this.isLive) this.region.commit(lines);
    else this.stream.write(lines.map((line) => `${line}\n`).join(''));
  }
}

function seconds(): number {
  return performance.now() / 1000;
}
