import { describe, expect, it } from 'vitest';
import { LiveRegion } from './liveRegion.js';

/** A terminal of 40 columns that understands what the region writes, so that tests compare what a person would see. */
class Screen {
  readonly isTTY = true;
  readonly columns = 40;
  writes = 0;
  private lines: string[] = [''];
  private row = 0;
  private column = 0;

  write(text: string): boolean {
    this.writes += 1;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the region writes escape sequences
    for (const [token] of text.matchAll(/\u001b\[(\d*)([A-Za-z])|\r|\n|[^\u001b\r\n]+/g)) this.put(token);
    return true;
  }

  get text(): string {
    return this.lines.map((line) => line.trimEnd()).join('\n');
  }

  private put(token: string): void {
    const line = this.lines[this.row]!;
    if (token === '\r') this.column = 0;
    else if (token === '\n') {
      this.row += 1;
      this.column = 0;
      this.lines[this.row] ??= '';
    } else if (token.endsWith('A') && token.startsWith('\u001b')) this.row -= Number(token.slice(2, -1) || 1);
    else if (token === '\u001b[K') this.lines[this.row] = line.slice(0, this.column);
    else if (token === '\u001b[J') {
      this.lines[this.row] = line.slice(0, this.column);
      this.lines.length = this.row + 1;
    } else if (!token.startsWith('\u001b')) {
      this.lines[this.row] = line.slice(0, this.column).padEnd(this.column) + token + line.slice(this.column + token.length);
      this.column += token.length;
    }
  }
}

describe('LiveRegion', () => {
  it('replaces its lines in place, one write a frame', () => {
    const screen = new Screen();
    const region = new LiveRegion(screen);
    region.draw(['epoch 0: 10%', '  validation']);
    region.draw(['epoch 0: 20%', '  val']);
    expect(screen.text).toBe('epoch 0: 20%\n  val');
    region.draw(['epoch 0: 30%']);
    expect(screen.text).toBe('epoch 0: 30%');
    expect(screen.writes).toBe(3);
  });

  it('prints above its lines and leaves them where they are', () => {
    const screen = new Screen();
    const region = new LiveRegion(screen);
    region.print('before');
    region.draw(['a', 'b']);
    region.print('hello');
    expect(screen.text).toBe('before\nhello\na\nb');
    region.draw(['c', 'd']);
    expect(screen.text).toBe('before\nhello\nc\nd');
  });

  it('leaves the last lines when they are committed, and nothing when it is cleared', () => {
    const screen = new Screen();
    const region = new LiveRegion(screen);
    region.draw(['working', '  nested']);
    region.commit(['done']);
    region.draw(['again']);
    region.clear();
    expect(screen.text).toBe('done\n');
    expect(region.isShown).toBe(false);
  });

  it('cuts lines that would wrap', () => {
    const screen = new Screen();
    new LiveRegion(screen).draw(['x'.repeat(60)]);
    expect(screen.text).toBe(`${'x'.repeat(38)}…`);
  });
});
