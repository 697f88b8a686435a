import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { download } from '../../scripts/setup/download.mjs';
import { temporaryFolder } from './fakeLibtorch.js';

const content = Buffer.alloc(300_000, 'libtorch ');
const sha256 = createHash('sha256').update(content).digest('hex');

/** A real server on loopback. `cutAfter` lists how many bytes of each successive answer go out before the line is cut. */
interface FileServer {
  url: string;
  requests: { range: string | undefined; path: string }[];
  cutAfter: number[];
  ranges: boolean;
  status: number | undefined;
  body: Buffer;
  close(): Promise<void>;
}

async function serve(): Promise<FileServer> {
  const server = http.createServer((request, response) => {
    state.requests.push({ range: request.headers.range, path: request.url ?? '' });
    if (request.url === '/moved') {
      response.writeHead(302, { location: '/file' }).end();
      return;
    }
    if (state.status !== undefined) {
      response.writeHead(state.status).end();
      return;
    }
    const start = state.ranges ? Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0) : 0;
    if (start >= state.body.length) {
      response.writeHead(416, { 'content-range': `bytes */${state.body.length}` }).end();
      return;
    }
    const rest = state.body.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': rest.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${state.body.length - 1}/${state.body.length}` } : {}),
    });
    const cut = state.cutAfter.shift();
    if (cut === undefined) response.end(rest);
    else response.write(rest.subarray(0, cut), () => setTimeout(() => response.destroy(), 20));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const state: FileServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests: [],
    cutAfter: [],
    ranges: true,
    status: undefined,
    body: content,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return state;
}

let folder: string;
let file: string;
let server: FileServer;
beforeEach(async () => {
  folder = temporaryFolder();
  file = path.join(folder, 'archive.zip');
  server = await serve();
  return async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  };
});

const fetchFile = (options: { name?: string; attempts?: number; sha256?: string; idleMs?: number } = {}) =>
  download({ url: `${server.url}/${options.name ?? 'file'}`, sha256, file, pauseMs: 1, ...options });

describe('download', () => {
  it('fetches a file and leaves nothing but the file', async () => {
    await fetchFile();
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(existsSync(`${file}.part`)).toBe(false);
  });

  it('asks for nothing when the right file is there already', async () => {
    writeFileSync(file, content);
    await fetchFile();
    expect(server.requests).toEqual([]);
  });

  it('goes on where a cut connection stopped', async () => {
    server.cutAfter = [100_000, 50_000];
    await fetchFile();
    expect(readFileSync(file).equals(content)).toBe(true);
    expect(server.requests.map(({ range }) => range)).toEqual([undefined, 'bytes=100000-', 'bytes=150000-']);
  });

  it('goes on in a later call where an earlier call gave up', async () => {
    server.cutAfter = [120_000];
    await expect(fetchFile({ attempts: 1 })).rejects.toMatchObject({ code: 'CONNECTION' });
    expect(existsSync(file)).toBe(false);
    await fetchFile();
    expect(server.requests.at(-1)?.range).toBe('bytes=120000-');
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('starts from the beginning when the server cannot resume', async () => {
    server.ranges = false;
    server.cutAfter = [100_000];
    await fetchFile();
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('throws a file with the wrong checksum away', async () => {
    server.body = Buffer.from('something else');
    await expect(fetchFile()).rejects.toMatchObject({
      code: 'CHECKSUM',
      message: expect.stringContaining(`expected ${sha256}`),
    });
    expect(existsSync(file)).toBe(false);
    expect(existsSync(`${file}.part`)).toBe(false);
    expect(server.requests).toHaveLength(1);
  });

  it('starts afresh when the leftover part belongs to another file', async () => {
    writeFileSync(`${file}.part`, 'left over from something else');
    await fetchFile();
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('accepts a part that was already whole', async () => {
    writeFileSync(`${file}.part`, content);
    await fetchFile();
    expect(readFileSync(file).equals(content)).toBe(true);
  });

  it('follows a redirect', async () => {
    await fetchFile({ name: 'moved' });
    expect(server.requests.map((request) => request.path)).toEqual(['/moved', '/file']);
  });

  it('does not try again when the server says the file is not there', async () => {
    server.status = 404;
    await expect(fetchFile()).rejects.toMatchObject({
      code: 'HTTP_STATUS',
      message: expect.stringContaining('status 404'),
    });
    expect(server.requests).toHaveLength(1);
  });

  it('says how often it tried when nobody answers', async () => {
    await server.close();
    await expect(fetchFile({ attempts: 2 })).rejects.toMatchObject({
      code: 'CONNECTION',
      message: expect.stringContaining('in 2 attempts'),
    });
  });
});
