/** Downloads a large file: resumable, checked against its SHA-256, visible under its final name only when whole. */
import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { requireSpace } from './step.mjs';

/** The file could not be had whole and true. `code`: 'HTTP_STATUS', 'CHECKSUM', 'CONNECTION'. */
export class DownloadError extends Error {
  constructor(code, message) {
    super(message);
    this.name = 'DownloadError';
    this.code = code;
  }
}

/**
 * @param {object} options
 * @param {string} options.url http or https; redirects are followed
 * @param {string} options.sha256 64 lowercase hexadecimal digits
 * @param {string} options.file where the finished file goes; while it grows it is `<file>.part`, and a later call goes on from there
 * @param {number} [options.attempts] connections tried before giving up; each goes on where the last one broke
 * @param {number} [options.idleMs] a connection that is silent for so long counts as broken
 * @param {number} [options.pauseMs] wait before the second attempt; doubles with each further one
 * @param {(received: number, total: number | undefined) => void} [options.onProgress]
 * @returns {Promise<void>}
 */
export async function download({
  url,
  sha256,
  file,
  attempts = 5,
  idleMs = 30_000,
  pauseMs = 1_000,
  onProgress = () => {},
}) {
  if (existsSync(file) && (await sha256Of(file)) === sha256) return;
  mkdirSync(path.dirname(file), { recursive: true });
  const part = `${file}.part`;
  let resumedFromEarlier = existsSync(part) && statSync(part).size > 0;
  let lastError;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    if (attempt > 0) await wait(pauseMs * 2 ** (attempt - 1));
    try {
      await fetchRest(url, part, idleMs, onProgress);
    } catch (error) {
      if (error instanceof DownloadError && error.code !== 'CONNECTION') throw error;
      if (error.code === 'ENOSPC' || error.name === 'SetupError') throw error;
      lastError = error;
      continue;
    }
    const actual = await sha256Of(part);
    if (actual === sha256) {
      renameSync(part, file);
      return;
    }
    rmSync(part, { force: true });
    // Pieces of two different files may have met in one part file; a fresh start tells. A second mismatch is final.
    if (resumedFromEarlier) {
      resumedFromEarlier = false;
      continue;
    }
    throw new DownloadError(
      'CHECKSUM',
      `the checksum of ${url} is ${actual}, expected ${sha256}; the file was thrown away`,
    );
  }
  throw new DownloadError(
    'CONNECTION',
    `${url} could not be read in ${attempts} attempts: ${lastError?.message ?? 'unknown reason'}`,
  );
}

/** Asks for what `part` does not hold yet and appends it; throws when the connection ends before all of it has come. */
async function fetchRest(url, part, idleMs, onProgress) {
  const have = existsSync(part) ? statSync(part).size : 0;
  const response = await request(url, have > 0 ? { range: `bytes=${have}-` } : {}, idleMs);
  if (response.statusCode === 416) {
    // Nothing is left to send: the part is whole (the checksum decides), or longer than the file.
    response.resume();
    return;
  }
  const continues = response.statusCode === 206 && rangeStart(response.headers['content-range']) === have;
  if (response.statusCode !== 200 && !continues) {
    response.destroy();
    // A server in trouble may recover; a file that is not there will not come.
    const code = response.statusCode >= 500 || response.statusCode === 429 ? 'CONNECTION' : 'HTTP_STATUS';
    throw new DownloadError(code, `${url} answered with status ${response.statusCode}`);
  }
  const start = continues ? have : 0;
  const length = Number(response.headers['content-length']);
  const total = Number.isFinite(length) ? start + length : undefined;
  if (total !== undefined) requireSpace('libtorch', path.dirname(part), total - start);
  let received = start;
  response.on('data', (chunk) => {
    received += chunk.length;
    onProgress(received, total);
  });
  await pipeline(response, createWriteStream(part, { flags: start > 0 ? 'a' : 'w' }));
  if (total !== undefined && received < total)
    throw new DownloadError('CONNECTION', `the connection ended after ${received} of ${total} bytes`);
}

function rangeStart(contentRange) {
  const match = /^bytes (\d+)-/.exec(contentRange ?? '');
  return match ? Number(match[1]) : undefined;
}

/** GET with redirects; resolves with the response, whose body is still to be read. */
function request(url, headers, idleMs, redirects = 5) {
  return new Promise((resolve, reject) => {
    const client = new URL(url).protocol === 'http:' ? http : https;
    const call = client.get(url, { headers: { 'user-agent': 'lightning-ts-setup', ...headers } }, (response) => {
      const { statusCode = 0, headers: answer } = response;
      if (statusCode >= 300 && statusCode < 400 && answer.location !== undefined) {
        response.resume();
        if (redirects === 0) reject(new DownloadError('HTTP_STATUS', `${url} redirects without end`));
        else resolve(request(new URL(answer.location, url).href, headers, idleMs, redirects - 1));
        return;
      }
      resolve(response);
    });
    call.setTimeout(idleMs, () => call.destroy(new Error(`no data for ${idleMs / 1000} s`)));
    call.on('error', reject);
  });
}

/** SHA-256 of a file as lowercase hexadecimal, read in pieces. */
export async function sha256Of(file) {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk);
  return hash.digest('hex');
}
