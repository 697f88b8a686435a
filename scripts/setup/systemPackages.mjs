/**
 * System packages: the compiler, the build tools, libtorch, and the demo's images.
 * With apt and root (or sudo) they are installed; otherwise what is missing is said, with the command to run.
 */
import { spawnSync } from 'node:child_process';
import { diagnose, hasProgram, requireSpace, runCommand, SetupError, say } from './step.mjs';

const step = 'system packages';

/**
 * What to install on a Debian or Ubuntu, given what is there.
 * `required` fails the set-up when it cannot be had; `optional` makes things faster or fills in the demo's data.
 * @param {{ has: (program: string) => boolean, installed: (name: string) => boolean, libtorch: import('../findLibtorch.mjs').Libtorch | undefined, downloadLibtorch?: boolean }} state
 */
export function packagesToInstall({ has, installed, libtorch, downloadLibtorch = false }) {
  const required = [];
  const optional = [];
  if (!has('g++') && !has('clang++')) required.push('g++');
  if (!has('cmake')) required.push('cmake');
  if (!has('ninja') && !has('make')) required.push('ninja-build');
  else if (!has('ninja')) optional.push('ninja-build');
  if (!has('ccache')) optional.push('ccache');
  if (libtorch === undefined && !downloadLibtorch) required.push('libtorch-dev');
  // The distribution's libtorch computes with whatever BLAS is installed, and the reference one is many times slower;
  // gloo's headers must come from the same distribution.
  if ((libtorch === undefined && !downloadLibtorch) || libtorch?.source === 'system') {
    optional.push(...['libopenblas0-pthread', 'libgloo-dev'].filter((name) => !installed(name)));
  }
  // Without it JPEG files are decoded by the image library, at half the speed.
  optional.push(...['libjpeg-dev', 'dataset-fashion-mnist'].filter((name) => !installed(name)));
  return { required, optional };
}

/** The machine as this step sees it; tests pass their own. */
export function thisMachine() {
  return {
    platform: process.platform,
    isRoot: process.getuid?.() === 0,
    has: (program) => hasProgram(program),
    installed: dpkgInstalled(),
    sudoWithoutPassword: () => spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' }).status === 0,
    isInteractive: Boolean(process.stdin.isTTY && process.stderr.isTTY),
    run: runCommand,
    freeBytes: undefined,
  };
}

/** One dpkg-query for all names: `name -> installed`. Without dpkg nothing counts as installed. */
function dpkgInstalled() {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format is dpkg's, not ours
  const format = '${binary:Package} ${db:Status-Status}\\n';
  const result = spawnSync('dpkg-query', ['-W', '-f', format], {
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
  });
  const names = new Set();
  for (const line of (result.stdout ?? '').split('\n')) {
    const [name = '', status] = line.split(' ');
    if (status === 'installed') names.add(name.split(':')[0]);
  }
  return (name) => names.has(name);
}

/**
 * Installs what is missing.
 * @param {{ libtorch: import('../findLibtorch.mjs').Libtorch | undefined, downloadLibtorch?: boolean, machine?: ReturnType<typeof thisMachine> }} options
 * @returns {Promise<{ installed: string[] }>} packages that were installed now
 */
export async function provideSystemPackages({ libtorch, downloadLibtorch = false, machine = thisMachine() }) {
  if (!machine.has('apt-get')) {
    checkToolsWithoutApt(machine);
    return { installed: [] };
  }
  const wanted = packagesToInstall({ has: machine.has, installed: machine.installed, libtorch, downloadLibtorch });
  if (wanted.required.length + wanted.optional.length === 0) return { installed: [] };

  const apt = aptPrefix(machine);
  if (apt === undefined) {
    const command = `sudo apt-get install --no-install-recommends ${[...wanted.required, ...wanted.optional].join(' ')}`;
    if (wanted.required.length > 0) {
      throw new SetupError(step, `${wanted.required.join(', ')} missing, and this user is neither root nor has sudo`, [
        `Ask an administrator to run: ${command}`,
        ...(wanted.required.includes('libtorch-dev')
          ? ['Or bring a libtorch of your own: LIBTORCH=/path/to/libtorch, or npm run setup -- --download-libtorch']
          : []),
      ]);
    }
    say(step, `going on without ${wanted.optional.join(', ')} (not root; to have them: ${command})`);
    return { installed: [] };
  }

  if (wanted.required.includes('libtorch-dev')) requireSpace(step, '/', 2e9, machine.freeBytes);
  const update = await machine.run(apt.command, [...apt.args, 'update', '-q'], { env: apt.env, quiet: true });
  if (!update.ok) say(step, 'apt-get update failed; trying with the package lists that are here');

  const installed = [];
  if (wanted.required.length > 0) {
    say(step, `installing ${wanted.required.join(', ')} with apt`);
    const result = await install(machine, apt, wanted.required);
    if (!result.ok) throw aptError(wanted.required, result.output);
    installed.push(...wanted.required);
  }
  for (const name of wanted.optional) {
    say(step, `installing ${name} with apt`);
    if ((await install(machine, apt, [name])).ok) installed.push(name);
    else say(step, `could not install ${name}; going on without it`);
  }
  return { installed };
}

function install(machine, apt, names) {
  const args = [
    ...apt.args,
    'install',
    '-y',
    '-q',
    '--no-install-recommends',
    '-o',
    'DPkg::Lock::Timeout=300',
    ...names,
  ];
  return machine.run(apt.command, args, { env: apt.env });
}

/** How apt may be called by this user; undefined when it may not. */
function aptPrefix(machine) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  if (machine.isRoot) return { command: 'apt-get', args: [], env };
  if (!machine.has('sudo')) return undefined;
  const viaSudo = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get'];
  if (machine.sudoWithoutPassword()) return { command: 'sudo', args: ['-n', ...viaSudo], env };
  // sudo asks on the terminal itself, so a closed stdin does not matter.
  return machine.isInteractive ? { command: 'sudo', args: viaSudo, env } : undefined;
}

function aptError(names, output) {
  const unknown = [...output.matchAll(/Unable to locate package (\S+)/g)].map((match) => match[1]);
  if (unknown.includes('libtorch-dev')) {
    return new SetupError(step, 'this distribution has no libtorch-dev package', [
      'Use Debian 12 or newer, or let setup fetch the official archive: npm run setup -- --download-libtorch',
      'Or point LIBTORCH at a libtorch of your own.',
    ]);
  }
  const known = diagnose(output, '/');
  return new SetupError(
    step,
    `apt-get could not install ${names.join(', ')}${known ? `: ${known.problem}` : ''}`,
    known ? known.cure : 'Read the lines of apt-get above, mend what they name, and run the same command again.',
  );
}

function checkToolsWithoutApt(machine) {
  const missing = [];
  if (!machine.has('c++') && !machine.has('g++') && !machine.has('clang++')) missing.push('a C++ compiler');
  if (!machine.has('cmake')) missing.push('cmake');
  if (!machine.has('ninja') && !machine.has('make')) missing.push('ninja');
  if (missing.length === 0) return;
  throw new SetupError(
    step,
    `${missing.join(', ')} missing, and there is no apt-get here to install it with`,
    machine.platform === 'darwin'
      ? 'Run: xcode-select --install && brew install cmake ninja'
      : 'Install them with the package manager of this system (gcc-c++ or g++, cmake, ninja), then run the same command again.',
  );
}
