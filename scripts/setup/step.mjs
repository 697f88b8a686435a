/**
 * What every set-up step shares: telling what it does, and failing with the step's name and the cure.
 * Only Node built-ins here: these files run before `npm ci`.
 */
import { spawn, spawnSync } from 'node:child_process';
import { statfsSync } from 'node:fs';

/** A step that could not be done: which one, what went wrong, and what the person can do about it. */
export class SetupError extends Error {
  /**
   * @param {string} step name of the step, as printed while it ran
   * @param {string} problem what was expected and what came
   * @param {string | string[]} cure what to do, one line each
   */
  constructor(step, problem, cure) {
    const cures = Array.isArray(cure) ? cure : [cure];
    super(`Setup stopped at "${step}": ${problem}\n${cures.map((line) => `  -> ${line}`).join('\n')}`);
    this.name = 'SetupError';
    this.step = step;
    this.problem = problem;
    this.cure = cures;
  }
}

/** One line a person can follow: `[setup] system packages: installing g++, cmake`. Goes to stderr, so that stdout stays the program's. */
export function say(step, text) {
  process.stderr.write(`[setup] ${step}: ${text}\n`);
}

/**
 * Runs a command with its output shown as it comes, and kept for the diagnosis.
 * stdin is closed: nothing may wait for an answer that nobody gives.
 * @returns {Promise<{ ok: boolean, status: number | null, output: string, missing: boolean }>}
 */
export function runCommand(command, args, { cwd, env, quiet = false } = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env: env ?? process.env, stdio: ['ignore', 'pipe', 'pipe'] });
    const pieces = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (piece) => {
        pieces.push(piece);
        if (!quiet) process.stderr.write(piece);
      });
    }
    const finish = (status, missing) =>
      resolve({ ok: status === 0, status, output: Buffer.concat(pieces).toString('utf8'), missing });
    child.on('error', (error) => finish(null, error.code === 'ENOENT'));
    child.on('close', (status) => finish(status, false));
  });
}

/** Whether a program of this name can be started from PATH. */
export function hasProgram(name, env = process.env) {
  const probe = spawnSync(name, ['--version'], { stdio: 'ignore', env });
  return probe.error === undefined;
}

const networkSigns =
  /Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Failed to fetch|Network is unreachable|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|ECONNREFUSED|ECONNRESET|ENETUNREACH|ERR_SOCKET_TIMEOUT/;
const certificateSigns =
  /SELF_SIGNED_CERT_IN_CHAIN|UNABLE_TO_GET_ISSUER_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|DEPTH_ZERO_SELF_SIGNED_CERT|certificate verify failed/;
const diskSigns = /No space left on device|ENOSPC|You don't have enough free space|Disk quota exceeded|EDQUOT/;
const permissionSigns = /Permission denied|EACCES|EPERM|are you root|Operation not permitted/;

/**
 * What a failed command's output says about the reason, as a cure; undefined when it says nothing we know.
 * Disk comes first: a full disk also makes downloads "fail to fetch".
 * @returns {{ problem: string, cure: string } | undefined}
 */
export function diagnose(output, folder = '.') {
  if (diskSigns.test(output)) {
    return {
      problem: 'the disk is full',
      cure: `Free some space (${freeSpaceText(folder)}) and run the same command again.`,
    };
  }
  if (certificateSigns.test(output)) {
    return {
      problem: 'this network answers with a certificate that Node does not know',
      cure: "Set NODE_EXTRA_CA_CERTS to the file with your network's certificate, and run the same command again.",
    };
  }
  if (networkSigns.test(output)) {
    return {
      problem: 'the network did not answer',
      cure: 'Check the connection or the proxy settings (HTTPS_PROXY) and run the same command again; what is done stays done.',
    };
  }
  if (permissionSigns.test(output)) {
    return {
      problem: 'permission was refused',
      cure: 'Run it as a user who may write there, or fix the owner of the folder.',
    };
  }
  return undefined;
}

/** Free bytes of the file system that holds `folder`. */
export function freeBytes(folder) {
  const stats = statfsSync(folder);
  return stats.bavail * stats.bsize;
}

function freeSpaceText(folder) {
  try {
    return `${(freeBytes(folder) / 1e9).toFixed(1)} GB free now`;
  } catch {
    return 'free space unknown';
  }
}

/** Throws when `folder`'s file system has less than `bytes` free; called before something large is fetched or built. */
export function requireSpace(step, folder, bytes, free = freeBytes(folder)) {
  if (free < bytes) {
    throw new SetupError(
      step,
      `expected at least ${(bytes / 1e9).toFixed(1)} GB free on the disk of ${folder}, found ${(free / 1e9).toFixed(1)} GB`,
      'Free some disk space and run the same command again.',
    );
  }
}
