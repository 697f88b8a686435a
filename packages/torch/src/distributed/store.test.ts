import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FileStore, HashStore, PrefixStore, type Store, TCPStore, textOf } from './store.js';

const folder = mkdtempSync(path.join(tmpdir(), 'store-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const kinds: [string, () => Promise<[Store, Store]>][] = [
  [
    'TCPStore',
    async () => {
      const host = await TCPStore.open({ host: '127.0.0.1', port: 0, isMaster: true });
      return [host, await TCPStore.open({ host: '127.0.0.1', port: host.port })];
    },
  ],
  ['FileStore', async () => [new FileStore(path.join(folder, 'a')), new FileStore(path.join(folder, 'a'))]],
  [
    'HashStore',
    async () => {
      const store = new HashStore();
      return [store, store];
    },
  ],
  [
    'PrefixStore',
    async () => {
      const store = new HashStore();
      return [new PrefixStore('p', store), new PrefixStore('p', store)];
    },
  ],
];

describe.each(kinds)('%s', (_, open) => {
  let a: Store;
  let b: Store;
  beforeAll(async () => {
    [a, b] = await open();
  });

  it('shows one user what another has set, as bytes', async () => {
    await a.set('text', 'grüße');
    expect(textOf(await b.get('text'))).toBe('grüße');
    b.setSync('bytes', new Uint8Array([0, 255, 7]));
    expect([...a.getSync('bytes')]).toEqual([0, 255, 7]);
    expect(await a.tryGet('nothing')).toBe(null);
    expect(a.tryGetSync('nothing')).toBe(null);
  });

  it('adds, checks and compares in one step each', async () => {
    expect(await a.add('count')).toBe(1);
    expect(b.addSync('count', 5)).toBe(6);
    expect(await b.add('count', -6)).toBe(0);
    expect(await a.check(['count', 'text'])).toBe(true);
    expect(a.checkSync(['count', 'absent'])).toBe(false);
    expect(textOf(await a.compareSet('owner', '', 'first'))).toBe('first');
    expect(textOf(b.compareSetSync('owner', '', 'second'))).toBe('first');
    expect(textOf(b.compareSetSync('owner', 'first', 'third'))).toBe('third');
    expect(textOf(await a.get('owner'))).toBe('third');
  });

  it('waits for keys without blocking who sets them', async () => {
    const waiting = a.get('late');
    const both = a.wait(['late', 'later']);
    // The same store is used while others wait in it.
    a.setSync('late', 'came');
    await b.set('later', 'came, too');
    expect(textOf(await waiting)).toBe('came');
    await both;
    b.waitSync(['late', 'later']);
  });

  it('names the keys that nobody set in time', async () => {
    const error = { code: 'DISTRIBUTED_TIMEOUT', message: expect.stringContaining("'never'") };
    await expect(a.wait(['text', 'never'], { timeout: 40 })).rejects.toMatchObject(error);
    await expect(a.get('never', { timeout: 40 })).rejects.toMatchObject(error);
    expect(() => b.waitSync(['text', 'never'], { timeout: 40 })).toThrow(/'never' .* within 40 ms/);
    await expect(a.wait(['never'], { signal: AbortSignal.timeout(30) })).rejects.toMatchObject({
      name: 'TimeoutError',
    });
  });

  it('deletes and counts keys', async () => {
    const before = await a.numKeys();
    await a.set('one more', '');
    expect(a.numKeysSync()).toBe(before + 1);
    expect(await b.deleteKey('one more')).toBe(true);
    expect(a.checkSync(['one more'])).toBe(false);
    expect(b.deleteKeySync('one more')).toBe(false);
  });

  it('cannot be used once it was closed', async () => {
    const other = new PrefixStore('x', a);
    other.close();
    expect(() => other.setSync('k', 'v')).toThrow(/closed/);
    expect(textOf(await a.get('text'))).toBe('grüße');
  });
});

describe('TCPStore', () => {
  it('takes a free port with port 0, and says that a port is taken', async () => {
    const host = await TCPStore.open({ host: '127.0.0.1', port: 0, isMaster: true });
    expect(host.port).toBeGreaterThan(0);
    await expect(TCPStore.open({ host: '127.0.0.1', port: host.port, isMaster: true })).rejects.toMatchObject({
      name: 'DistributedError',
      code: 'DISTRIBUTED_ADDRESS_IN_USE',
    });
    await expect(TCPStore.open({ host: '127.0.0.1', port: 0 })).rejects.toMatchObject({ code: 'DISTRIBUTED_ARGUMENT' });
    await expect(TCPStore.open({ host: '127.0.0.1', port: 70_000, isMaster: true })).rejects.toMatchObject({
      code: 'DISTRIBUTED_ARGUMENT',
    });
    host.close();
  });

  it('gives up on a host that is not there, and on one that does not answer', async () => {
    const silent = createServer(() => {});
    silent.listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const { port } = silent.address() as { port: number };
    const start = Date.now();
    try {
      const store = await TCPStore.open({ host: '127.0.0.1', port, timeout: 300 });
      await expect(store.get('key')).rejects.toMatchObject({ code: 'DISTRIBUTED_TIMEOUT' });
      // An answer that never comes blocks no later call for longer than the store's timeout.
      expect(() => store.tryGetSync('key')).toThrow(/lost/);
    } catch (error) {
      // A newer libtorch finds out at once.
      expect(error).toMatchObject({ code: 'DISTRIBUTED_TIMEOUT' });
    }
    silent.close();
    await expect(TCPStore.open({ host: '127.0.0.1', port: 1, timeout: 300 })).rejects.toMatchObject({
      code: 'DISTRIBUTED_TIMEOUT',
      message: expect.stringContaining('127.0.0.1:1'),
    });
    expect(Date.now() - start).toBeLessThan(30_000);
  });
});

it('a FileStore removes its file when the last process leaves', async () => {
  const file = path.join(folder, 'b');
  const stores = [new FileStore(file, { worldSize: 2 }), new FileStore(file, { worldSize: 2 })];
  await stores[0]!.set('k', 'v');
  stores[0]!.close();
  expect(existsSync(file)).toBe(true);
  stores[1]!.close();
  expect(existsSync(file)).toBe(false);
});
