/**
 * Finds the libtorch to build against. Order: the LIBTORCH variable, the project's own cache (an archive that setup
 * downloaded because it was asked to), an installed Python torch, system folders.
 *
 *   node scripts/findLibtorch.mjs          prints what was found as JSON
 *   node scripts/findLibtorch.mjs --cmake  prints it as CMake `set` lines (used by packages/torch/CMakeLists.txt)
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import path from 'node:path';
import { isMain } from './setup/isMain.mjs';
import { libtorchCache } from './setup/paths.mjs';

/**
 * @typedef {object} Libtorch
 * @property {string} version as in torch/version.h, for example '2.6.0' (Debian's 1.13.1 says '1.13.0' there)
 * @property {string[]} includeDirs folders for the compiler, `torch/csrc/api/include` among them
 * @property {string} libDir folder of libtorch_cpu
 * @property {string[]} libraries library files to link, libtorch before libc10
 * @property {string[]} openmpLibraries an OpenMP runtime shipped beside libtorch; empty when it uses the compiler's own
 * @property {0 | 1} cxx11Abi the value of _GLIBCXX_USE_CXX11_ABI it was built with (always 1 outside Linux)
 * @property {'LIBTORCH' | 'cache' | 'python' | 'system'} source
 * @property {boolean} hasCuda
 */

/** Nothing usable was found; `lookedAt` lists every place with the reason it was passed over. */
export class LibtorchNotFoundError extends Error {
  constructor(lookedAt) {
    super(
      [
        'No usable libtorch was found. Looked at:',
        ...lookedAt.map(({ place, reason }) => `  - ${place}: ${reason}`),
        'Install one in any of these ways, then run the same command again:',
        '  - Debian or Ubuntu: sudo apt-get install libtorch-dev libgloo-dev libopenblas0-pthread',
        '  - an unpacked archive from pytorch.org: LIBTORCH=/path/to/libtorch',
        '  - a Python torch (pip install torch): found by itself, or LIBTORCH=/path/to/site-packages/torch',
        '  - let setup fetch the official archive: npm run setup -- --download-libtorch',
      ].join('\n'),
    );
    this.name = 'LibtorchNotFoundError';
    this.code = 'LIBTORCH_NOT_FOUND';
    this.lookedAt = lookedAt;
  }
}

/**
 * @param {object} [options] everything that is looked at can be replaced, for tests
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {string} [options.cacheDir] project cache of unpacked archives
 * @param {string[]} [options.pythons] interpreters to ask for a torch
 * @param {string[]} [options.systemPrefixes] prefixes with include/ and lib/
 * @param {NodeJS.Platform} [options.platform]
 * @returns {Libtorch}
 */
export function findLibtorch({
  env = process.env,
  cacheDir = libtorchCache,
  pythons = defaultPythons(env),
  systemPrefixes = ['/usr', '/usr/local', '/opt/libtorch', '/opt/homebrew', '/opt/homebrew/opt/pytorch'],
  platform = process.platform,
} = {}) {
  const lookedAt = [];
  const attempt = (source, place, includeRoot, libDirs) => {
    const result = inspect(includeRoot, libDirs, platform);
    if (typeof result !== 'string') return { ...result, source };
    lookedAt.push({ place, reason: result });
    return undefined;
  };

  if (env.LIBTORCH) {
    // Whoever names a libtorch wants that one: falling back silently to another would build against the wrong headers.
    const prefix = path.resolve(env.LIBTORCH);
    const found = attempt('LIBTORCH', `LIBTORCH=${env.LIBTORCH}`, path.join(prefix, 'include'), libDirsOf(prefix));
    if (found) return found;
    throw new LibtorchNotFoundError([
      ...lookedAt,
      { place: 'other places', reason: 'not tried, because LIBTORCH is set' },
    ]);
  }
  lookedAt.push({ place: 'LIBTORCH', reason: 'not set' });

  const cached = cachedPrefixes(cacheDir);
  if (cached.length === 0) lookedAt.push({ place: cacheDir, reason: 'no downloaded libtorch there' });
  for (const prefix of cached) {
    const found = attempt('cache', prefix, path.join(prefix, 'include'), libDirsOf(prefix));
    if (found) return found;
  }

  const seenLibraries = new Set();
  const system = [];
  for (const prefix of systemPrefixes) {
    const found = attempt('system', prefix, path.join(prefix, 'include'), libDirsOf(prefix));
    if (found) {
      system.push(found);
      seenLibraries.add(realpathSync(cpuLibrary(found.libDir, platform)));
    }
  }

  for (const python of pythons) {
    const folder = pythonTorchFolder(python, env);
    if (folder === undefined) {
      lookedAt.push({ place: `Python torch of ${python}`, reason: 'no such interpreter, or it has no torch' });
      continue;
    }
    const library = cpuLibrary(path.join(folder, 'lib'), platform);
    // Debian's Python torch is a set of links to the system's library: that library counts once, as the system's.
    if (existsSync(library) && seenLibraries.has(realpathSync(library))) continue;
    const found = attempt('python', `Python torch of ${python} (${folder})`, path.join(folder, 'include'), [
      path.join(folder, 'lib'),
    ]);
    if (found) return found;
  }

  if (system[0] !== undefined) return system[0];
  throw new LibtorchNotFoundError(lookedAt);
}

/** Interpreters that may hold a torch: the active environment first, then PATH, then the system's. */
export function defaultPythons(env = process.env) {
  const pythons = ['python3', '/usr/bin/python3'];
  if (env.VIRTUAL_ENV) pythons.unshift(path.join(env.VIRTUAL_ENV, 'bin', 'python3'));
  return pythons;
}

/** Folder of an interpreter's torch package, found without importing it (importing takes seconds). */
function pythonTorchFolder(python, env) {
  const program = [
    'import importlib.util, os',
    "spec = importlib.util.find_spec('torch')",
    "print(os.path.dirname(spec.origin) if spec and spec.origin else '')",
  ].join('\n');
  const result = spawnSync(python, ['-c', program], {
    encoding: 'utf8',
    env,
    cwd: '/',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 20_000,
  });
  const folder = result.status === 0 ? result.stdout.trim() : '';
  return folder === '' ? undefined : folder;
}

function cachedPrefixes(cacheDir) {
  if (!existsSync(cacheDir)) return [];
  return readdirSync(cacheDir, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
    .map((entry) => path.join(cacheDir, entry.name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
}

function libDirsOf(prefix) {
  const multiarch = {
    x64: 'x86_64-linux-gnu',
    arm64: 'aarch64-linux-gnu',
    riscv64: 'riscv64-linux-gnu',
    ppc64: 'powerpc64le-linux-gnu',
  }[process.arch];
  return [
    ...(multiarch ? [path.join(prefix, 'lib', multiarch)] : []),
    path.join(prefix, 'lib'),
    path.join(prefix, 'lib64'),
  ];
}

const suffixOf = (platform) => (platform === 'darwin' ? '.dylib' : '.so');
const cpuLibrary = (libDir, platform) => path.join(libDir, `libtorch_cpu${suffixOf(platform)}`);

/** Describes the libtorch in these folders, or says in words what is missing. */
function inspect(includeRoot, libDirs, platform) {
  const apiInclude = path.join(includeRoot, 'torch', 'csrc', 'api', 'include');
  const versionFile = path.join(apiInclude, 'torch', 'version.h');
  const libDir = libDirs.find((dir) => existsSync(cpuLibrary(dir, platform)));
  const haveHeaders = existsSync(versionFile);
  if (libDir === undefined && !haveHeaders) return `no libtorch_cpu${suffixOf(platform)} and no headers`;
  if (libDir === undefined) return `headers, but no libtorch_cpu${suffixOf(platform)} in ${libDirs.join(', ')}`;
  if (!haveHeaders) return `libtorch_cpu${suffixOf(platform)}, but no headers (${versionFile})`;

  const version = readVersion([versionFile, path.join(includeRoot, 'torch', 'headeronly', 'version.h')]);
  if (version === undefined) return `${versionFile} names no version`;
  const library = (name) => path.join(libDir, `lib${name}${suffixOf(platform)}`);
  for (const name of ['torch', 'c10']) {
    if (!existsSync(library(name)))
      return `libtorch_cpu${suffixOf(platform)}, but no ${path.basename(library(name))} beside it`;
  }
  const hasCuda = existsSync(library('torch_cuda'));
  const names = ['torch', 'torch_cpu', ...(hasCuda ? ['torch_cuda', 'c10_cuda'] : []), 'c10'];
  return {
    version,
    includeDirs: [includeRoot, apiInclude],
    libDir,
    libraries: names.map(library).filter((file) => existsSync(file)),
    openmpLibraries: openmpBeside(libDir),
    cxx11Abi: platform === 'linux' ? readAbi(library('c10')) : 1,
    hasCuda,
  };
}

/** The numbers stand in torch/version.h; newer releases only include torch/headeronly/version.h from there. */
function readVersion(files) {
  for (const file of files.filter((name) => existsSync(name))) {
    const text = readFileSync(file, 'utf8');
    const part = (name) => text.match(new RegExp(`#define\\s+TORCH_VERSION_${name}\\s+(\\d+)`))?.[1];
    const numbers = [part('MAJOR'), part('MINOR'), part('PATCH')];
    if (numbers.every((value) => value !== undefined)) return numbers.join('.');
  }
  return undefined;
}

/**
 * Which std::string the library was built with, from the mangled name of a function that every libc10 exports:
 * `Ss` ends the old ABI's name, `NSt7__cxx1112basic_string…` the new one's.
 */
function readAbi(c10Library) {
  return readFileSync(c10Library).includes('torchCheckFailEPKcS2_jRKSs') ? 0 : 1;
}

/** pip's wheels and the official archives bring a renamed OpenMP runtime; a second one in the process would fight it. */
function openmpBeside(libDir) {
  return readdirSync(libDir)
    .filter((name) => /^lib(gomp|iomp5|omp)\b.*\.(so|dylib)/.test(name))
    .sort()
    .slice(0, 1)
    .map((name) => path.join(libDir, name));
}

/** CMake `set` lines; paths are quoted, lists joined by semicolons. */
export function asCMake(libtorch) {
  const quote = (value) => `"${String(value).replaceAll('\\', '/').replaceAll('"', '\\"')}"`;
  return [
    `set(LIBTORCH_VERSION ${quote(libtorch.version)})`,
    `set(LIBTORCH_INCLUDE_DIRS ${quote(libtorch.includeDirs.join(';'))})`,
    `set(LIBTORCH_LIB_DIR ${quote(libtorch.libDir)})`,
    `set(LIBTORCH_LIBRARIES ${quote(libtorch.libraries.join(';'))})`,
    `set(LIBTORCH_OPENMP_LIBRARIES ${quote(libtorch.openmpLibraries.join(';'))})`,
    `set(LIBTORCH_CXX11_ABI ${libtorch.cxx11Abi})`,
    `set(LIBTORCH_SOURCE ${quote(libtorch.source)})`,
    `set(LIBTORCH_HAS_CUDA ${libtorch.hasCuda ? 'ON' : 'OFF'})`,
    '',
  ].join('\n');
}

if (isMain(import.meta.url)) {
  try {
    const libtorch = findLibtorch();
    process.stdout.write(
      process.argv.includes('--cmake') ? asCMake(libtorch) : `${JSON.stringify(libtorch, null, 2)}\n`,
    );
  } catch (error) {
    if (!(error instanceof LibtorchNotFoundError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  }
}
