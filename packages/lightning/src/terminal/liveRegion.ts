import type { TerminalStream } from './style.js';
import { textWidth, truncateText } from './textWidth.js';

const eraseBelow = '\u001b[J';
const eraseToLineEnd = '\u001b[K';

/**
 * A few lines at the bottom of a terminal that are redrawn in place.
 *
 * Each frame is one write that overwrites the last one line by line, so nothing flickers. While the region is shown, what
 * anybody else writes to standard output or standard error appears above it: those two streams are wrapped from the first
 * frame until `clear` or `commit`. A terminal that is made narrower wraps the lines that are there; the next frame takes that
 * into account.
 */
export class LiveRegion {
  private lines: readonly string[] = [];
  /** How many of our lines are on the screen right above the cursor: none while somebody else's line is unfinished. */
  private linesOnScreen = 0;
  private cursorIsMidLine = false;
  private isWriting = false;
  private releases: (() => void)[] = [];

  constructor(private readonly stream: TerminalStream) {}

  /** Columns that may be used: one less than the terminal has, because some terminals wrap a full line. */
  get width(): number {
    return Math.max(20, (this.stream.columns || 80) - 1);
  }

  get isShown(): boolean {
    return this.lines.length > 0;
  }

  /** Replaces the region's lines. Lines that are too long are cut, and so are those that the screen has no room for. */
  draw(lines: readonly string[]): void {
    if (lines.length === 0) {
      this.clear();
      return;
    }
    const room = Math.max(1, (this.stream.rows || Number.POSITIVE_INFINITY) - 1);
    const fitted = lines.slice(0, room).map((line) => truncateText(line, this.width));
    const body = fitted.map((line) => `${line}${eraseToLineEnd}`).join('\n');
    this.put(`${this.toStart()}${body}${this.rowsOnScreen > fitted.length ? eraseBelow : ''}`);
    this.lines = fitted;
    this.linesOnScreen = fitted.length;
    if (this.releases.length === 0) this.interceptStreams();
  }

  /** Takes the region off the screen. */
  clear(): void {
    if (this.isShown) this.put(`${this.toStart()}${eraseBelow}`);
    this.finish();
  }

  /** Leaves `lines` on the screen for good in place of the region. */
  commit(lines: readonly string[]): void {
    const start = this.isShown ? `${this.toStart()}${eraseBelow}` : '';
    this.put(start + lines.map((line) => `${line}\n`).join(''));
    this.finish();
  }

  /** Writes text above the region, which stays. */
  print(text: string): void {
    const body = text.endsWith('\n') ? text : `${text}\n`;
    if (!this.isShown) {
      this.put(body);
      return;
    }
    this.put(`${this.toStart()}${eraseBelow}${body}${this.lines.join('\n')}`);
    this.linesOnScreen = this.lines.length;
  }

  /** Moves the cursor to where the region starts; ends somebody else's unfinished line first. */
  private toStart(): string {
    if (this.cursorIsMidLine) {
      this.cursorIsMidLine = false;
      return '\n';
    }
    const rows = this.rowsOnScreen;
    if (rows === 0) return '';
    return rows > 1 ? `\r\u001b[${rows - 1}A` : '\r';
  }

  /** Rows that our lines take by now: more than there are lines when the terminal became too narrow for them. */
  private get rowsOnScreen(): number {
    if (this.linesOnScreen === 0) return 0;
    const columns = this.stream.columns || 80;
    return this.lines.reduce((rows, line) => rows + Math.max(1, Math.ceil(textWidth(line) / columns)), 0);
  }

  private put(text: string): void {
    this.isWriting = true;
    try {
      this.stream.write(text);
    } finally {
      this.isWriting = false;
    }
  }

  private finish(): void {
    this.lines = [];
    this.linesOnScreen = 0;
    this.cursorIsMidLine = false;
    for (const release of this.releases) release();
    this.releases = [];
  }

  private interceptStreams(): void {
    if (this.stream !== process.stdout) return;
    this.intercept(process.stdout);
    if (process.stderr.isTTY) this.intercept(process.stderr);
    // A process that ends with the region shown would leave the shell's prompt at the end of our last line.
    const endLine = (): void => {
      if (this.linesOnScreen > 0) this.put('\n');
    };
    process.once('exit', endLine);
    this.releases.push(() => process.removeListener('exit', endLine));
  }

  private intercept(stream: NodeJS.WriteStream): void {
    const original = stream.write;
    const write = ((chunk: Uint8Array | string, ...rest: unknown[]): boolean => {
      const pass = (): boolean => Reflect.apply(original, stream, [chunk, ...rest]) as boolean;
      if (this.isWriting || !this.isShown || chunk.length === 0) return pass();
      if (this.linesOnScreen > 0) this.put(`${this.toStart()}${eraseBelow}`);
      const result = pass();
      this.cursorIsMidLine = chunk.at(-1) !== '\n' && chunk.at(-1) !== 10;
      this.linesOnScreen = this.cursorIsMidLine ? 0 : this.lines.length;
      if (!this.cursorIsMidLine) this.put(this.lines.join('\n'));
      return result;
    }) as typeof stream.write;
    stream.write = write;
    this.releases.push(() => {
      // Whoever wrapped the stream after us keeps their wrapper; ours passes everything through when nothing is shown.
      if (stream.write === write) stream.write = original;
    });
  }
}
