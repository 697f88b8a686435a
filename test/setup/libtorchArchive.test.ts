import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { provideLibtorch } from '../../scripts/setup/libtorch.mjs';
import { archives, chooseArchive } from '../../scripts/setup/libtorchArchives.mjs';
import { unzip } from '../../scripts/setup/unzip.mjs';
import { fakeLibtorchFiles, temporaryFolder, writeFakeLibtorch, zipArchive } from './fakeLibtorch.js';

let folder: string;
let archive: Buffer;
let served: Buffer;
let requests: number;
let url: string;

beforeEach(async () => {
  folder = temporaryFolder();
  archive = zipArchive([
    { name: 'libtorch/', content: '', mode: 0o040755, stored: true },
    ...[...fakeLibtorchFiles({ version: '2.7.1' })].map(([name, content]) => ({ name: `libtorch/${name}`, content })),
  ]);
  served = archive;
  requests = 0;
  const server = http.createServer((_request, response) => {
    requests += 1;
    response.writeHead(200, { 'content-length': served.length }).end(served);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/libtorch.zip`;
  return async () => {
    await new Promise((resolve) => server.close(resolve));
    rmSync(folder, { recursive: true, force: true });
  };
});

const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');
const provide = (options: Record<string, unknown> = {}) =>
  provideLibtorch({
    env: { LIBTORCH_ARCHIVE_URL: url, LIBTORCH_ARCHIVE_SHA256: sha256(archive) },
    cacheDir: path.join(folder, 'cache'),
    search: { pythons: [], systemPrefixes: [] },
    ask: undefined,
    downloadOptions: { pauseMs: 1 },
    ...options,
  });

describe.skipIf(process.platform !== 'linux')('provideLibtorch', () => {
  const target = () => path.join(folder, 'cache', `2.7.1-${process.platform}-${process.arch}`);

  it('downloads, checks and unpacks the archive, and the search finds it', async () => {
    const found = await provide({ downloadLibtorch: true });
    expect(found).toMatchObject({ source: 'cache', version: '2.7.1', libDir: path.join(target(), 'lib') });
    expect(readdirSync(path.join(folder, 'cache')).sort()).toEqual(['.downloads', path.basename(target())]);
    expect(readdirSync(path.join(folder, 'cache', '.downloads'))).toEqual([]);
  });

  it('asks for nothing the second time', async () => {
    await provide({ downloadLibtorch: true });
    await provide({ downloadLibtorch: true });
    expect(requests).toBe(1);
  });

  it('refuses a file with another checksum and leaves no libtorch behind', async () => {
    served = zipArchive([{ name: 'libtorch/evil', content: 'x' }]);
    await expect(provide({ downloadLibtorch: true })).rejects.toMatchObject({
      name: 'SetupError',
      step: 'libtorch',
      message: expect.stringContaining(`expected ${sha256(archive)}`),
    });
    expect(existsSync(target())).toBe(false);
  });

  it('refuses an address without a checksum before asking anybody', async () => {
    await expect(provide({ downloadLibtorch: true, env: { LIBTORCH_ARCHIVE_URL: url } })).rejects.toMatchObject({
      name: 'SetupError',
      message: expect.stringContaining('LIBTORCH_ARCHIVE_SHA256'),
    });
    expect(requests).toBe(0);
  });

  it('names the ways to a libtorch when nobody can be asked', async () => {
    await expect(provide()).rejects.toMatchObject({
      name: 'SetupError',
      message: expect.stringMatching(/no libtorch was found[\s\S]*--download-libtorch[\s\S]*LIBTORCH=/),
    });
    expect(requests).toBe(0);
  });

  it('downloads only after a yes', async () => {
    const questions: string[] = [];
    const answer = (yes: boolean) => async (question: string) => {
      questions.push(question);
      return yes;
    };
    await expect(provide({ ask: answer(false) })).rejects.toMatchObject({ name: 'SetupError' });
    expect(requests).toBe(0);
    expect(await provide({ ask: answer(true) })).toMatchObject({ source: 'cache' });
    expect(questions).toHaveLength(2);
    expect(questions[0]).toContain(url);
  });

  it('says so when the whole archive is no libtorch', async () => {
    archive = zipArchive([{ name: 'readme.txt', content: 'nothing' }]);
    served = archive;
    await expect(provide({ downloadLibtorch: true })).rejects.toMatchObject({ name: 'SetupError', step: 'libtorch' });
    expect(readdirSync(path.join(folder, 'cache')).filter((name) => name.startsWith('.unpacked'))).toEqual([]);
  });

  it('prefers a libtorch that is there and downloads nothing', async () => {
    const system = writeFakeLibtorch(path.join(folder, 'usr'), { version: '1.13.0' });
    expect(await provide({ search: { pythons: [], systemPrefixes: [system] } })).toMatchObject({ source: 'system' });
    expect(requests).toBe(0);
  });

  it('fetches the archive although the system has one, when told to', async () => {
    const system = writeFakeLibtorch(path.join(folder, 'usr'), { version: '1.13.0' });
    const found = await provide({ downloadLibtorch: true, search: { pythons: [], systemPrefixes: [system] } });
    expect(found).toMatchObject({ source: 'cache', version: '2.7.1' });
  });
});

describe('the table of archives', () => {
  it('pins an https address, a version that the address names, and a checksum for each platform once', () => {
    for (const entry of archives) {
      expect(entry.url).toMatch(/^https:\/\/download\.pytorch\.org\/libtorch\//);
      expect(entry.url).toContain(`-${entry.version}`);
      expect(entry.sha256).toMatch(/^[0-9a-f]{64}$/);
    }
    expect(new Set(archives.map((entry) => entry.platform)).size).toBe(archives.length);
  });

  it('has no archive for a platform that PyTorch ships none for', () => {
    expect(chooseArchive({ env: {}, platform: 'linux-riscv64' })).toBeUndefined();
    expect(chooseArchive({ env: {}, platform: 'darwin-arm64' })?.version).toBe('2.7.1');
  });
});

describe('unzip', () => {
  const write = (bytes: Buffer): string => {
    const file = path.join(folder, 'test.zip');
    writeFileSync(file, bytes);
    return file;
  };
  const out = () => path.join(folder, 'out');

  it('restores contents, links and the executable bit', async () => {
    const large = Buffer.alloc(400_000, 'abc');
    await unzip(
      write(
        zipArchive([
          { name: 'a/large.bin', content: large },
          { name: 'a/stored.txt', content: 'as it is', stored: true },
          { name: 'a/empty', content: '', stored: true },
          { name: 'a/run.sh', content: '#!/bin/sh\n', mode: 0o100755 },
          { name: 'a/lib.so', content: 'lib.so.1', mode: 0o120777, stored: true },
          { name: 'a/lib.so.1', content: 'library' },
        ]),
      ),
      out(),
    );
    expect(readFileSync(path.join(out(), 'a/large.bin')).equals(large)).toBe(true);
    expect(readFileSync(path.join(out(), 'a/stored.txt'), 'utf8')).toBe('as it is');
    expect(statSync(path.join(out(), 'a/empty')).size).toBe(0);
    expect(statSync(path.join(out(), 'a/run.sh')).mode & 0o111).toBe(0o111);
    expect(lstatSync(path.join(out(), 'a/lib.so')).isSymbolicLink()).toBe(true);
    expect(readFileSync(path.join(out(), 'a/lib.so'), 'utf8')).toBe('library');
  });

  it.each([
    ['a path that climbs out', { name: '../escaped', content: 'x' }],
    ['an absolute path', { name: '/tmp/escaped-absolute', content: 'x' }],
    ['a link that points outside', { name: 'link', content: '../../etc/passwd', mode: 0o120777 }],
  ])('refuses %s', async (_what, entry) => {
    await expect(unzip(write(zipArchive([entry])), out())).rejects.toThrow(/outside its folder/);
    expect(existsSync(path.join(folder, 'escaped'))).toBe(false);
  });

  it('notices a damaged entry', async () => {
    await expect(unzip(write(zipArchive([{ name: 'a', content: 'abc', crc: 1 }])), out())).rejects.toThrow(
      /"a" in the archive is damaged/,
    );
  });

  it('says that a cut archive is no whole zip', async () => {
    const whole = zipArchive([{ name: 'a', content: 'abc'.repeat(100) }]);
    await expect(unzip(write(whole.subarray(0, whole.length - 30)), out())).rejects.toThrow(
      /no zip archive, or its end is missing/,
    );
  });
});
