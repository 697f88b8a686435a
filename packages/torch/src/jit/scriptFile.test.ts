import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import * as torch from '../index.js';
import * as nn from '../nn/index.js';
import { SerializeError, saveSync } from '../serialize/index.js';
import * as jit from './index.js';

const scratch = mkdtempSync(join(tmpdir(), 'torchscript-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const fixture = fileURLToPath(new URL('../../test/fixtures/jit/scripted.pt', import.meta.url));
const codeOf = (fn: () => unknown): string | undefined => {
  try {
    fn();
  } catch (error) {
    if (error instanceof SerializeError || error instanceof torch.TorchError) return error.code;
    throw error;
  }
  return undefined;
};

describe('saving and loading', () => {
  const model = () => jit.trace(new nn.Sequential(new nn.Linear(3, 2), new nn.Tanh()), torch.ones([1, 3]));

  it('a file holds the program and the parameters; bytes do as well', async () => {
    const traced = model();
    const path = join(scratch, 'model.pt');
    await jit.save(traced, path);
    jit.saveSync(traced, join(scratch, 'again.pt'));
    expect(readdirSync(scratch).sort()).toEqual(['again.pt', 'model.pt']);
    const x = torch.randn([4, 3]);
    type Model = jit.ScriptModule<[torch.Tensor], torch.Tensor>;
    const loaded: Model[] = [
      await jit.load(path),
      jit.loadSync(path),
      jit.loadSync(new Uint8Array(readFileSync(path))),
      jit.loadSync(jit.saveToBytes(traced)),
    ];
    for (const module of loaded) {
      expect(module.forward(x).tolist()).toEqual(traced.forward(x).tolist());
      expect(module.parameters().every((parameter) => parameter.requiresGrad)).toBe(true);
      expect(module.parameters()[0]!.isSame(traced.parameters()[0]!)).toBe(false);
    }
  });

  it('further content travels along', () => {
    const extraFiles = new Map<string, Uint8Array>();
    jit.loadSync(fixture, { extraFiles });
    expect([...extraFiles].map(([name, bytes]) => [name, Buffer.from(bytes).toString()])).toEqual([
      ['meta.json', '{"classes": 4}'],
    ]);
    const bytes = jit.saveToBytes(model(), { extraFiles: { 'a/b.txt': 'text', 'c.bin': Uint8Array.of(0, 255) } });
    extraFiles.clear();
    jit.loadSync(bytes, { extraFiles });
    expect(Buffer.from(extraFiles.get('a/b.txt')!).toString()).toBe('text');
    expect([...extraFiles.get('c.bin')!]).toEqual([0, 255]);
  });

  it('parameters go where mapLocation says, which must be there', () => {
    const moved = jit.loadSync(fixture, { mapLocation: torch.deviceOf('cpu') });
    expect(String(moved.parameters()[0]!.device)).toBe('cpu');
    if (!torch.cuda.isAvailable())
      expect(codeOf(() => jit.loadSync(fixture, { mapLocation: 'cuda' }))).toBe('DEVICE_UNAVAILABLE');
  });
});

describe('files that are no whole program', () => {
  const whole = readFileSync(fixture);

  it('are told apart', () => {
    const path = join(scratch, 'data.pt');
    saveSync({ weight: torch.ones([2]) }, path);
    expect(codeOf(() => jit.loadSync(join(scratch, 'nowhere.pt')))).toBe('READ_FAILED');
    expect(codeOf(() => jit.loadSync(new Uint8Array(0)))).toBe('FILE_UNRECOGNIZED');
    expect(codeOf(() => jit.loadSync(Buffer.from('def forward(self): pass')))).toBe('FILE_UNRECOGNIZED');
    expect(codeOf(() => jit.loadSync(path))).toBe('FILE_UNSUPPORTED');
    expect(() => jit.loadSync(path)).toThrow(/written by torch.save: it holds data, and no program/);
    expect(codeOf(() => jit.loadSync(Buffer.from('    PTMF........')))).toBe('FILE_UNSUPPORTED');
  });

  it('a cut file and a damaged record are refused, by path and from memory', () => {
    const path = join(scratch, 'cut.pt');
    for (const length of [whole.length - 1, whole.length - 30, whole.length >> 1, 100]) {
      writeFileSync(path, whole.subarray(0, length));
      expect(codeOf(() => jit.loadSync(path))).toBe('ZIP_CORRUPT');
      expect(codeOf(() => jit.loadSync(whole.subarray(0, length)))).toBe('ZIP_CORRUPT');
    }
    const damaged = Buffer.from(whole);
    const at = damaged.indexOf('torch.mean');
    damaged.write('torch.fean', at);
    expect(codeOf(() => jit.loadSync(damaged))).toBe('ZIP_CORRUPT');
    expect(codeOf(() => jit.loadSync(damaged, { verifyChecksums: false }))).toBe('FILE_UNSUPPORTED');
  });

  it('whatever byte is another, the answer is a module or a typed error', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const damaged = Buffer.from(whole);
        damaged[at] = damaged[at]! ^ change;
        const code = codeOf(() => jit.loadSync(damaged));
        expect(code === undefined || /^(ZIP_CORRUPT|RECORD_MISSING|FILE_|UNPACKED_)/.test(code)).toBe(true);
      }),
      { numRuns: 200, seed: 11 },
    );
  });
});
