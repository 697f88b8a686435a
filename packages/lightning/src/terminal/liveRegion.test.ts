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
});
