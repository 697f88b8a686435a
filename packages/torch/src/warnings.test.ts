import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ones, resetWarnings, silenceWarnings, WarningError, warn, warningsAsErrors } from './index.js';
import { ops } from './ops.js';

describe('warn', () => {
  const seen: string[] = [];
  const listen = (warning: Error & { code?: string }) =>
    seen.push(`${warning.name} ${warning.code}: ${warning.message}`);
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  beforeEach(() => {
    resetWarnings();
    seen.length = 0;
    process.on('warning', listen);
  });
  afterEach(() => {
    process.off('warning', listen);
    warningsAsErrors(false);
    resetWarnings();
  });

  it('says the same thing once, with its code', async () => {
    for (let i = 0; i < 3; i++) warn('SLOW_LOADER', 'the loader is slow');
    warn('SLOW_LOADER', 'the other loader is slow');
    await turn();
    expect(seen).toEqual([
      'LightningWarning SLOW_LOADER: the loader is slow',
      'LightningWarning SLOW_LOADER: the other loader is slow',
    ]);
  });

  it('is silent for codes that were silenced, until that is reset', async () => {
    silenceWarnings('A', 'B');
    warn('A', 'one');
    warn('C', 'two');
    resetWarnings();
    warn('A', 'three');
    await turn();
    expect(seen).toEqual(['LightningWarning C: two', 'LightningWarning A: three']);
  });

  it('throws when warnings are errors, also the second time', () => {
    warningsAsErrors();
    for (let i = 0; i < 2; i++) expect(() => warn('A', 'one')).toThrow(WarningError);
  });

  it('is how the warnings of the engine come, too', async () => {
    const resize = () => ops.aten.add(ones([2]), ones([2]), { out: ones([3]) });
    resize();
    await turn();
    expect(seen).toEqual([expect.stringMatching(/^LightningWarning ENGINE: An output .* was resized/)]);
    warningsAsErrors();
    expect(resize).toThrow(WarningError);
  });
});
