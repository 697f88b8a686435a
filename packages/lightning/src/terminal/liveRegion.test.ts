import { describe, expect, it } from 'vitest';
import { Screen } from '../../test/screen.js';
import { LiveRegion } from './liveRegion.js';

describe('LiveRegion', () => {
  it('replaces its lines in place, one write a frame', () => {
    const screen = new Screen(40);
    const region = new LiveRegion(screen);
    region.draw(['epoch 0: 10%', '  validation']);
    region.draw(['epoch 0: 20%', '  val']);
    expect(screen.text).toBe('epoch 0: 20%\n  val');
    region.draw(['epoch 0: 30%']);
    expect(screen.text).toBe('epoch 0: 30%');
    expect(screen.writes).toBe(3);
  });

  it('prints above its lines and leaves them where they are', () => {
    const screen = new Screen(40);
    const region = new LiveRegion(screen);
    region.print('before');
    region.draw(['a', 'b']);
    region.print('hello');
    expect(screen.text).toBe('before\nhello\na\nb');
    region.draw(['c', 'd']);
    expect(screen.text).toBe('before\nhello\nc\nd');
  });

  it('leaves the last lines when they are committed, and nothing when it is cleared', () => {
    const screen = new Screen(40);
    const region = new LiveRegion(screen);
    region.draw(['working', '  nested']);
    region.commit(['done']);
    region.draw(['again']);
    region.clear();
    expect(screen.text).toBe('done\n');
    expect(region.isShown).toBe(false);
  });

  it('cuts lines that would wrap', () => {
    const screen = new Screen(40);
    new LiveRegion(screen).draw(['x'.repeat(60)]);
    expect(screen.text).toBe(`${'x'.repeat(38)}…`);
  });

  it('finds its place again when the terminal became narrower and wrapped its lines', () => {
    const written: string[] = [];
    const stream = { isTTY: true, columns: 60, write: (text: string) => written.push(text) };
    const region = new LiveRegion(stream);
    region.draw(['x'.repeat(58), 'y'.repeat(10)]);
    stream.columns = 25;
    region.draw(['new']);
    // Three rows of the first line and one of the second.
    expect(written[1]!.startsWith('\r\u001b[3A')).toBe(true);
    expect(written[1]!.endsWith('\u001b[J')).toBe(true);
  });

  it('never draws more lines than the screen has', () => {
    const written: string[] = [];
    new LiveRegion({ isTTY: true, columns: 40, rows: 3, write: (text) => written.push(text) }).draw([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(written.join('').split('\n')).toHaveLength(2);
  });
});
