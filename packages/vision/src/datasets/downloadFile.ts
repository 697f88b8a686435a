import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { VisionError } from '../errors.js';

export interface DownloadOptions {
  /** The file's MD5 checksum, in hexadecimal. It guards against damage, not against an attacker. */
  md5?: string;
  /** The file's SHA-256 checksum in hexadecimal, or its first digits. */
  sha256?: string;
  /** Tries at each address; a try goes on where the last one stopped. Default 3. */
  attempts?: number;
  /** Gives up a connection that is silent for so many milliseconds; default 30,000. */
  timeout?: number;
}

/**
 * Downloads a file from the first address that has it. It appears at `path` only when it is complete and has the right
 * checksum; until then it grows beside it as `<path>.part`, and a later call goes on from there.
 *
 * @throws VisionError `DOWNLOAD_FAILED` when no address works, `CHECKSUM_MISMATCH` when they serve another file.
 */
export async function downloadFile(urls: readonly string[], path: string, options: DownloadOptions): Promise<void> {
  const { attempts = 3, timeout = 30_000 } = options;
  await mkdir(dirname(path), { recursive: true });
  const part = `${path}.part`;
  const failures: string[] = [];
  let mismatch: VisionError | undefined;
  for (const url of urls) {
    for (let attempt = 0; attempt < attempts; attempt++) {
      try {
        await fetchInto(url, part, timeout);
      } catch (error) {
        failures.push(`${url}: ${reasonOf(error)}`);
        if (error instanceof HttpError && error.isFinal) break;
        continue;
      }
      const difference = await differenceOf(part, options);
      if (difference === null) {
        await rename(part, path);
        return;
      }
      await rm(part);
      mismatch = new VisionError(
        'CHECKSUM_MISMATCH',
        `${url} has the ${difference}; it was not kept. Try again, or get the file elsewhere and put it at ${path}.`,
      );
    }
  }
  if (mismatch !== undefined) throw mismatch;
  throw new VisionError(
    'DOWNLOAD_FAILED',
    `could not download ${path} (${[...new Set(failures)].join('; ')}). Check the network and try again, or put the file there by hand.`,
  );
}

/** An answer of the server that is no file. */
class HttpError extends Error {
  constructor(readonly status: number) {
    super(`the server answered ${status}`);
  }

  /** Asking again will not help. */
  get isFinal(): boolean {
    return this.status >= 400 && this.status < 500 && this.status !== 408 && this.status !== 429;
  }
}

async function fetchInto(url: string, part: string, timeout: number): Promise<void> {
  const have = await sizeOf(part);
  const silence = new AbortController();
  const stop = () => silence.abort(new Error(`nothing came for ${timeout} ms`));
  let timer = setTimeout(stop, timeout);
  let file: FileHandle | undefined;
  try {
    // Asked for as it lies on the server: unpacking on the way would change the checksum.
    const headers: Record<string, string> = { 'accept-encoding': 'identity' };
    if (have > 0) headers.range = `bytes=${have}-`;
    const response = await fetch(url, { headers, signal: silence.signal });
    if (response.status === 416) {
      // What is there is longer than the file, or all of it; the checksum of a fresh start decides.
      await response.body?.cancel();
      await rm(part, { force: true });
      throw new Error('the part that was there does not belong to the file');
    }
    if (response.status !== 200 && response.status !== 206) {
      await response.body?.cancel();
      throw new HttpError(response.status);
    }
    const goesOn = response.status === 206 && startOf(response) === have;
    if (response.status === 206 && !goesOn) throw new Error('the server sent another part than was asked for');
    file = await open(part, goesOn ? 'a' : 'w');
    let received = 0;
    for await (const chunk of response.body ?? []) {
      clearTimeout(timer);
      timer = setTimeout(stop, timeout);
      await file.writeFile(chunk);
      received += chunk.length;
    }
    const announced = response.headers.get('content-length');
    if (announced !== null && received !== Number(announced)) {
      throw new Error(`the connection ended after ${received} of ${announced} bytes`);
    }
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

/** First byte of a partial answer, from `content-range: bytes 100-199/200`. */
function startOf(response: Response): number | null {
  const match = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return match === null ? null : Number(match[1]);
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch {
    return 0;
  }
}

/** Says how a file differs from its checksums; null when it does not. */
async function differenceOf(path: string, { md5, sha256 }: DownloadOptions): Promise<string | null> {
  const wanted = { md5, sha256 };
  for (const algorithm of ['md5', 'sha256'] as const) {
    const expected = wanted[algorithm]?.toLowerCase();
    if (expected === undefined) continue;
    const hash = createHash(algorithm);
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    const found = hash.digest('hex');
    if (!found.startsWith(expected)) return `${algorithm.toUpperCase()} checksum ${found}, not ${expected}`;
  }
  return null;
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  return cause instanceof Error ? cause.message || cause.name : String(cause);
}
