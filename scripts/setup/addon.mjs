/** The native addon: cmake and ninja, only when something it is made from has changed. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { findLibtorch, LibtorchNotFoundError } from '../findLibtorch.mjs';
import { repositoryRoot, torchPackage } from './paths.mjs';
import { diagnose, hasProgram, requireSpace, runCommand, SetupError, say } from './step.mjs';

const step = 'native addon';

/** A hash over the contents of everything the addon is made from; equal hash, equal addon. */
export function addonInputsHash(packageDir, libtorch, root = repositoryRoot) {
  const hash = createHash('sha256');
  const add = (name, content) => hash.update(`${name}\0${content.length}\0`).update(content);
  add('platform', Buffer.from(`${process.platform}-${process.arch}`));
  add('libtorch', Buffer.from(JSON.stringify(libtorch)));
  for (const library of libtorch.libraries) {
    const { size, mtimeMs } = statSync(realpathSync(library));
    add(library, Buffer.from(`${size} ${mtimeMs}`));
  }
  const headers = path.join(root, 'node_modules', 'node-api-headers', 'package.json');
  if (existsSync(headers)) add('node-api-headers', readFileSync(headers));
  add('CMakeLists.txt', readFileSync(path.join(packageDir, 'CMakeLists.txt')));
  for (const file of filesUnder(path.join(packageDir, 'native'))) {
    add(path.relative(packageDir, file), readFileSync(file));
  }
  return hash.digest('hex');
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

/**
 * Builds packages/torch/build/lightning_torch.node when its inputs have changed.
 * @param {{ packageDir?: string, root?: string, force?: boolean, libtorch?: import('../findLibtorch.mjs').Libtorch }} [options]
 * @returns {Promise<boolean>} whether anything was built
 */
export async function provideAddon({
  packageDir = torchPackage,
  root = repositoryRoot,
  force = false,
  libtorch = libtorchOrFail(),
} = {}) {
  const buildDir = path.join(packageDir, 'build');
  const addon = path.join(buildDir, 'lightning_torch.node');
  const stamp = path.join(buildDir, 'addon.stamp.json');
  const inputs = addonInputsHash(packageDir, libtorch, root);
  const previous = readStamp(stamp);
  if (!force && existsSync(addon) && previous?.inputs === inputs) return false;

  say(
    step,
    `building against libtorch ${libtorch.version} in ${libtorch.libDir} (the first build takes a minute or more)`,
  );
  mkdirSync(buildDir, { recursive: true });
  requireSpace(step, buildDir, 5e8);
  const cmakeDir = path.join(buildDir, 'cmake');
  const libtorchKey = JSON.stringify(libtorch);
  // CMake remembers what it found; with another libtorch its memory is wrong.
  if (previous?.libtorch !== libtorchKey) rmSync(path.join(cmakeDir, 'CMakeCache.txt'), { force: true });

  await configure(packageDir, cmakeDir, root);
  const parallel = ['--parallel', '2'];
  const build = await runCommand('cmake', ['--build', cmakeDir, ...parallel], { cwd: root });
  if (!build.ok) throw buildError(build.output, buildDir);
  checkLoads(addon);
  writeFileSync(stamp, `${JSON.stringify({ inputs, libtorch: libtorchKey })}\n`);
  return true;
}

function libtorchOrFail() {
  try {
    return findLibtorch();
  } catch (error) {
    if (!(error instanceof LibtorchNotFoundError)) throw error;
    throw new SetupError(step, error.message, 'Install a libtorch as listed above.');
  }
}

function readStamp(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return undefined; // none yet, or cut short: build again
  }
}

async function configure(packageDir, cmakeDir, root) {
  const generator = hasProgram('ninja') ? ['-G', 'Ninja'] : [];
  const args = ['-S', packageDir, '-B', cmakeDir, ...generator];
  let result = await runCommand('cmake', args, { cwd: root });
  if (result.missing)
    throw new SetupError(step, 'expected cmake, found none', 'Run npm run setup, or install cmake 3.18 or newer.');
  if (!result.ok && existsSync(path.join(cmakeDir, 'CMakeCache.txt'))) {
    // A moved checkout, another generator or another compiler: start from a clean folder once.
    say(step, 'cmake refused the old build folder; starting from an empty one');
    rmSync(cmakeDir, { recursive: true, force: true });
    result = await runCommand('cmake', args, { cwd: root });
  }
  if (result.ok) return;
  if (/No CMAKE_CXX_COMPILER could be found|is not able to compile a simple test program/.test(result.output)) {
    throw new SetupError(
      step,
      'expected a working C++ compiler, found none',
      'Debian: apt-get install g++ · Fedora: dnf install gcc-c++ · macOS: xcode-select --install',
    );
  }
  const known = diagnose(result.output, packageDir);
  throw new SetupError(
    step,
    `cmake could not configure the build${known ? `: ${known.problem}` : ''}`,
    known ? known.cure : 'Read the lines of cmake above; deleting packages/torch/build starts from nothing.',
  );
}

function buildError(output, folder) {
  if (
    /Killed signal terminated program cc1plus|virtual memory exhausted|internal compiler error: Killed/.test(output)
  ) {
    return new SetupError(
      step,
      'the compiler ran out of memory',
      'Close other programs or add swap (2 GB for each of the two compile jobs), and run the same command again.',
    );
  }
  const known = diagnose(output, folder);
  return new SetupError(
    step,
    `the compiler or linker failed${known ? `: ${known.problem}` : ''}`,
    known
      ? known.cure
      : 'The first "error:" line above says why. If it names a torch header, try another libtorch version (LIBTORCH=...).',
  );
}

/** Loads the fresh addon in a process of its own, so that a missing library is told here and not in the first import. */
function checkLoads(addon) {
  const probe = spawnSync(process.execPath, ['-e', 'require(process.argv[1])', addon], { encoding: 'utf8' });
  if (probe.status === 0) return;
  const reason =
    (probe.stderr ?? '').split('\n').find((line) => /^Error:/.test(line)) ??
    `status ${probe.status}, signal ${probe.signal}`;
  throw new SetupError(step, `the addon was built, but Node cannot load it: ${reason}`, [
    'A library of the libtorch it was built against is missing or was replaced.',
    'Delete packages/torch/build, check LIBTORCH, and run the same command again.',
  ]);
}
