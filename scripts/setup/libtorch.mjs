/** The libtorch step: use what is found, or fetch the official archive when the person wants that. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline/promises';
import { findLibtorch, LibtorchNotFoundError } from '../findLibtorch.mjs';
import { DownloadError, download } from './download.mjs';
import { chooseArchive } from './libtorchArchives.mjs';
import { libtorchCache } from './paths.mjs';
import { diagnose, SetupError, say } from './step.mjs';
import { unzip } from './unzip.mjs';

const step = 'libtorch';

/** What findLibtorch finds, or undefined when there is none; a LIBTORCH that points nowhere is an error at once. */
export function currentLibtorch(options = {}) {
  try {
    return findLibtorch(options);
  } catch (error) {
    if (!(error instanceof LibtorchNotFoundError)) throw error;
    if ((options.env ?? process.env).LIBTORCH) throw new SetupError(step, error.message, 'Mend or unset LIBTORCH.');
    return undefined;
  }
}

/**
 * Makes sure there is a libtorch.
 * @param {object} [options]
 * @param {boolean} [options.downloadLibtorch] fetch the official archive without asking (--download-libtorch)
 * @param {string} [options.cacheDir] where unpacked archives live
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {(question: string) => Promise<boolean>} [options.ask] undefined: nobody can be asked
 * @param {object} [options.search] further options for findLibtorch, for tests
 * @param {object} [options.downloadOptions] further options for download, for tests
 * @returns {Promise<import('../findLibtorch.mjs').Libtorch>}
 */
export async function provideLibtorch({
  downloadLibtorch = false,
  cacheDir = libtorchCache,
  env = process.env,
  ask = process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined,
  search = {},
  downloadOptions = {},
} = {}) {
  const look = () => currentLibtorch({ env, cacheDir, ...search });
  const found = look();
  const fromCache = found?.source === 'cache' || found?.source === 'LIBTORCH';
  if (found !== undefined && (!downloadLibtorch || fromCache)) return found;

  const archive = archiveOrFail(env);
  if (archive === undefined) {
    throw new SetupError(
      step,
      `no libtorch was found, and PyTorch offers no archive for ${process.platform}-${process.arch}`,
      [
        'Install a Python torch (pip install torch), which is found by itself, or set LIBTORCH to a libtorch of your own.',
      ],
    );
  }
  if (!downloadLibtorch) {
    const agreed =
      ask !== undefined &&
      (await ask(`No libtorch was found. Download the official archive (${archive.url}) into ${cacheDir}?`));
    if (!agreed) {
      throw new SetupError(step, 'no libtorch was found', [
        'Debian or Ubuntu: sudo apt-get install libtorch-dev libgloo-dev libopenblas0-pthread',
        'Official archive into this project only: npm run setup -- --download-libtorch (or LIGHTNING_TS_DOWNLOAD_LIBTORCH=1)',
        'One of your own: LIBTORCH=/path/to/libtorch (an unpacked archive, or site-packages/torch)',
        'What was looked at: node scripts/findLibtorch.mjs',
      ]);
    }
  }
  await installArchive(archive, cacheDir, downloadOptions);
  const installed = look();
  if (installed === undefined)
    throw new SetupError(
      step,
      `the unpacked archive in ${cacheDir} is not usable`,
      `Delete ${cacheDir} and try again, or set LIBTORCH.`,
    );
  return installed;
}

function archiveOrFail(env) {
  try {
    return chooseArchive({ env });
  } catch (error) {
    throw new SetupError(
      step,
      error.message,
      'Set LIBTORCH_ARCHIVE_SHA256 to the output of sha256sum for an archive you trust.',
    );
  }
}

/** Downloads, checks, unpacks beside the final place, and moves there in one rename. */
async function installArchive(archive, cacheDir, downloadOptions) {
  mkdirSync(cacheDir, { recursive: true });
  // The name holds the checksum, so a part of one archive is never continued with another.
  const file = path.join(cacheDir, '.downloads', `${archive.sha256.slice(0, 16)}.zip`);
  const unpacked = path.join(cacheDir, `.unpacked-${process.pid}`);
  say(step, `downloading ${archive.url}`);
  try {
    await download({ url: archive.url, sha256: archive.sha256, file, onProgress: progressLine(), ...downloadOptions });
    say(step, 'unpacking');
    rmSync(unpacked, { recursive: true, force: true });
    await unzip(file, unpacked);
    const prefix = existsSync(path.join(unpacked, 'libtorch')) ? path.join(unpacked, 'libtorch') : unpacked;
    const { version } = findLibtorch({ env: { LIBTORCH: prefix } });
    const target = path.join(cacheDir, `${version}-${archive.platform}`);
    rmSync(target, { recursive: true, force: true });
    renameSync(prefix, target);
    rmSync(file, { force: true });
    say(step, `libtorch ${version} is in ${target}`);
  } catch (error) {
    throw asSetupError(error, cacheDir, file);
  } finally {
    rmSync(unpacked, { recursive: true, force: true });
    removeStaleFolders(cacheDir);
  }
}

function asSetupError(error, cacheDir, file) {
  if (error instanceof SetupError) return error;
  if (error instanceof DownloadError && error.code === 'CHECKSUM') {
    return new SetupError(
      step,
      error.message,
      'Try again later; if it stays so, do not use the file: tell the project, or set LIBTORCH to a libtorch you trust.',
    );
  }
  if (error instanceof DownloadError) {
    return new SetupError(step, error.message, [
      'Run the same command again: it goes on where it stopped.',
      'Behind a proxy, fetch the file with your own tools, unpack it, and set LIBTORCH to the folder.',
    ]);
  }
  const known = diagnose(`${error.code ?? ''} ${error.message}`, cacheDir);
  return new SetupError(
    step,
    known ? known.problem : `the archive could not be unpacked: ${error.message}`,
    known ? known.cure : `Delete ${file} and run the same command again.`,
  );
}

/** Folders that a killed set-up left behind. */
function removeStaleFolders(cacheDir) {
  for (const name of readdirSync(cacheDir)) {
    const pid = /^\.unpacked-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !isRunning(Number(pid)))
      rmSync(path.join(cacheDir, name), { recursive: true, force: true });
  }
}

function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

function progressLine() {
  let lastTenth = -1;
  return (received, total) => {
    if (total === undefined) return;
    const tenth = Math.floor((received / total) * 10);
    if (tenth === lastTenth) return;
    lastTenth = tenth;
    say(step, `${(received / 1e6).toFixed(0)} of ${(total / 1e6).toFixed(0)} MB`);
  };
}

async function askOnTerminal(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `)).trim());
  } finally {
    terminal.close();
  }
}
