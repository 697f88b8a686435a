import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, describe, expect, it } from 'vitest';
import { downloadFile } from './downloadFile.js';
import type { Resource } from './idxDataset.js';
import { MNIST } from './mnist.js';

const content = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * i) % 251));
const md5Of = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex');
const md5 = md5Of(content);

type Answer = (request: IncomingMessage, response: ServerResponse, call: number) => void;
const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

/** A server on loopback; `requests` collects what it was asked. */
async function serve(answer: Answer): Promise<{ url: string; requests: string[] }> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.url} ${request.headers.range ?? 'whole'}`);
    answer(request, response, requests.length);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, requests };
}

/** Serves bytes as a web server does, parts included. */
function sendFile(bytes: Buffer, request: IncomingMessage, response: ServerResponse): void {
  const start = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
  if (start > 0 && start >= bytes.length) {
    response.writeHead(416).end();
    return;
  }
  const headers: Record<string, string | number> = { 'content-length': bytes.length - start };
  if (start > 0) headers['content-range'] = `bytes ${start}-${bytes.length - 1}/${bytes.length}`;
  response.writeHead(start > 0 ? 206 : 200, headers).end(bytes.subarray(start));
}

/** Announces everything and breaks the connection in the middle. */
function sendHalf(bytes: Buffer, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': bytes.length });
  response.write(bytes.subarray(0, bytes.length / 2), () => setTimeout(() => response.destroy(), 20));
}

const freshPath = () => join(mkdtempSync(join(tmpdir(), 'download-')), 'folder', 'file.gz');

describe('downloadFile', () => {
  it('fetches a file and leaves nothing beside it', async () => {
    const { url } = await serve((request, response) => sendFile(content, request, response));
    const path = freshPath();
    await downloadFile([`${url}file.gz`], path, { md5 });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(readdirSync(join(path, '..'))).toEqual(['file.gz']);
  });

  it('goes on where a broken connection stopped', async () => {
    const { url, requests } = await serve((request, response, call) =>
      call === 1 ? sendHalf(content, response) : sendFile(content, request, response),
    );
    const path = freshPath();
    await downloadFile([`${url}f`], path, { md5 });
    expect(readFileSync(path).equals(content)).toBe(true);
    expect(requests).toEqual(['/f whole', '/f bytes=100000-']);
  });

  it('goes on in a later call with what an earlier one left', async () => {
    const path = freshPath();
    const broken = await serve((_, response) => sendHalf(content, response));
    await expect(downloadFile([`${broken.url}f`], path, { md5, attempts: 1 })).rejects.toMatchObject({
      code: 'DOWNLOAD_FAILED',
    });
    expect(existsSync(path)).toBe(false);
    const { url, requests } = await serve((request, response) => sendFile(content, request, response));
    await downloadFile([`${url}f`], path, { md5 });
    expect(requests).toEqual(['/f bytes=100000-']);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('starts over where the server sends no parts', async () => {
    const { url } = await serve((_, response, call) =>
      call === 1
        ? sendHalf(content, response)
        : response.writeHead(200, { 'content-length': content.length }).end(content),
    );
    const path = freshPath();
    await downloadFile([`${url}f`], path, { md5 });
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('starts over when the part that is there is longer than the file', async () => {
    const path = freshPath();
    const broken = await serve((_, response) => sendHalf(Buffer.concat([content, content, content]), response));
    await expect(downloadFile([`${broken.url}f`], path, { md5, attempts: 1 })).rejects.toThrow();
    const { url, requests } = await serve((request, response) => sendFile(content, request, response));
    await downloadFile([`${url}f`], path, { md5 });
    expect(requests).toEqual(['/f bytes=300000-', '/f whole']);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('refuses a file with another checksum and keeps none of it', async () => {
    const { url } = await serve((request, response) => sendFile(Buffer.from('a page of a hotel'), request, response));
    const path = freshPath();
    await expect(downloadFile([`${url}f`], path, { md5 })).rejects.toMatchObject({
      code: 'CHECKSUM_MISMATCH',
      message: expect.stringContaining(md5),
    });
    expect(readdirSync(join(path, '..'))).toEqual([]);
  });

  it('tries the next mirror, and asks a server that has no such file only once', async () => {
    const absent = await serve((_, response) => response.writeHead(404).end());
    const { url } = await serve((request, response) => sendFile(content, request, response));
    const path = freshPath();
    await downloadFile([`${absent.url}f`, `${url}f`], path, { md5 });
    expect(absent.requests).toHaveLength(1);
    expect(readFileSync(path).equals(content)).toBe(true);
  });

  it('gives up a server that falls silent', async () => {
    const { url, requests } = await serve((_, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('x');
    });
    const action = downloadFile([`${url}f`], freshPath(), { md5, attempts: 2, timeout: 100 });
    await expect(action).rejects.toThrow(/DOWNLOAD_FAILED.*nothing came for 100 ms/);
    expect(requests).toHaveLength(2);
  });

  it('says what failed when nothing answers', async () => {
    const action = downloadFile(['http://127.0.0.1:1/f'], freshPath(), { md5, attempts: 1 });
    await expect(action).rejects.toThrow(/DOWNLOAD_FAILED.*127\.0\.0\.1:1.*by hand/);
  });
});

describe('preparing a dataset', () => {
  const idx = (shape: number[], bytes: Uint8Array) => {
    const head = Buffer.alloc(4 + 4 * shape.length);
    head.writeUInt32BE(0x0800 + shape.length, 0);
    shape.forEach((size, i) => {
      head.writeUInt32BE(size, 4 + 4 * i);
    });
    return gzipSync(Buffer.concat([head, bytes]));
  };
  const files: Record<string, Buffer> = {
    'train-images-idx3-ubyte.gz': idx([2, 28, 28], new Uint8Array(2 * 784).fill(9)),
    'train-labels-idx1-ubyte.gz': idx([2], Uint8Array.of(1, 2)),
    't10k-images-idx3-ubyte.gz': idx([1, 28, 28], new Uint8Array(784)),
    't10k-labels-idx1-ubyte.gz': idx([1], Uint8Array.of(3)),
  };
  class ServedMNIST extends MNIST {
    static override readonly folder = 'Served';
    static override readonly resources = Object.entries(files).map(([name, bytes]): Resource => [name, md5Of(bytes)]);
  }
  const answer: Answer = (request, response) =>
    sendFile(files[(request.url ?? '').slice(1)] as Buffer, request, response);

  it('downloads what is missing, once', async () => {
    const { url, requests } = await serve(answer);
    const root = mkdtempSync(join(tmpdir(), 'prepare-'));
    await ServedMNIST.prepare(root, { mirrors: [url] });
    expect(requests).toHaveLength(4);
    expect(new ServedMNIST(root).targets.tolist()).toEqual([1, 2]);
    expect(new ServedMNIST(root, { train: false }).getItem(0)[1]).toBe(3);
    writeFileSync(join(root, 'Served', 'raw', 'train-labels-idx1-ubyte'), Buffer.from('kept as it is'));
    await ServedMNIST.prepare(root, { mirrors: [url] });
    expect(requests).toHaveLength(4);
  });
});
