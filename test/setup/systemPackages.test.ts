import { describe, expect, it } from 'vitest';
import { packagesToInstall, provideSystemPackages } from '../../scripts/setup/systemPackages.mjs';

type Machine = NonNullable<Parameters<typeof provideSystemPackages>[0]['machine']>;

const debianLibtorch = {
  version: '1.13.0',
  includeDirs: [],
  libDir: '/usr/lib/x86_64-linux-gnu',
  libraries: [],
  openmpLibraries: [],
  cxx11Abi: 1 as const,
  source: 'system' as const,
  hasCuda: false,
};

const everything = ['g++', 'clang++', 'c++', 'cmake', 'ninja', 'ccache', 'make', 'sudo', 'apt-get'];
const allPackages = ['libopenblas0-pthread', 'libgloo-dev', 'libjpeg-dev', 'dataset-fashion-mnist'];

interface Call {
  command: string;
  args: string[];
}

/** A machine with these programs and packages; records what is run and answers with `outputOf`. */
function machine({
  programs = everything,
  packages = [] as string[],
  isRoot = true,
  sudo = false,
  isInteractive = false,
  failing = {} as Record<string, string>,
  platform = 'linux' as NodeJS.Platform,
  freeBytes = 50e9 as number | undefined,
} = {}): { machine: Machine; calls: Call[] } {
  const calls: Call[] = [];
  return {
    calls,
    machine: {
      platform,
      isRoot,
      has: (program) => programs.includes(program),
      installed: (name) => packages.includes(name),
      sudoWithoutPassword: () => sudo,
      isInteractive,
      freeBytes,
      run: async (command: string, args: string[]) => {
        calls.push({ command, args });
        const broken = Object.entries(failing).find(([name]) => args.includes(name));
        return { ok: broken === undefined, status: broken ? 100 : 0, output: broken?.[1] ?? '', missing: false };
      },
    } as Machine,
  };
}

const installedBy = (calls: Call[]): string[] =>
  calls
    .filter(({ args }) => args.includes('install'))
    .flatMap(({ args }) => args.slice(args.indexOf('DPkg::Lock::Timeout=300') + 1));

describe('packagesToInstall', () => {
  const ask = (programs: string[], packages: string[], rest: Partial<Parameters<typeof packagesToInstall>[0]> = {}) =>
    packagesToInstall({
      has: (name) => programs.includes(name),
      installed: (name) => packages.includes(name),
      libtorch: undefined,
      ...rest,
    });

  it('wants everything on a bare machine', () => {
    expect(ask([], [])).toEqual({
      required: ['g++', 'cmake', 'ninja-build', 'libtorch-dev'],
      optional: ['ccache', 'libopenblas0-pthread', 'libgloo-dev', 'libjpeg-dev', 'dataset-fashion-mnist'],
    });
  });

  it('wants nothing where all is there', () => {
    expect(ask(everything, allPackages, { libtorch: debianLibtorch })).toEqual({ required: [], optional: [] });
  });

  it('leaves libtorch alone when another one is in use or will be downloaded', () => {
    const python = { ...debianLibtorch, source: 'python' as const };
    expect(ask(everything, ['libjpeg-dev', 'dataset-fashion-mnist'], { libtorch: python })).toEqual({
      required: [],
      optional: [],
    });
    expect(ask(everything, ['libjpeg-dev', 'dataset-fashion-mnist'], { downloadLibtorch: true })).toEqual({
      required: [],
      optional: [],
    });
  });

  it('is content with clang and make', () => {
    expect(ask(['clang++', 'cmake', 'make', 'ccache'], allPackages, { libtorch: debianLibtorch })).toEqual({
      required: [],
      optional: ['ninja-build'],
    });
  });
});

describe('provideSystemPackages', () => {
  it('runs nothing when nothing is missing', async () => {
    const { machine: full, calls } = machine({ packages: allPackages });
    expect(await provideSystemPackages({ libtorch: debianLibtorch, machine: full })).toEqual({ installed: [] });
    expect(calls).toEqual([]);
  });

  it('updates the lists, then installs the required packages together and each optional one by itself', async () => {
    const { machine: bare, calls } = machine({ programs: ['apt-get'] });
    await provideSystemPackages({ libtorch: undefined, machine: bare });
    expect(calls[0]?.args).toContain('update');
    expect(installedBy(calls)).toEqual([
      'g++',
      'cmake',
      'ninja-build',
      'libtorch-dev',
      'ccache',
      'libopenblas0-pthread',
      'libgloo-dev',
      'libjpeg-dev',
      'dataset-fashion-mnist',
    ]);
    expect(calls.every(({ command }) => command === 'apt-get')).toBe(true);
  });

  it('goes on without an optional package that apt does not have', async () => {
    const { machine: ubuntu } = machine({
      packages: ['libopenblas0-pthread', 'libgloo-dev', 'libjpeg-dev'],
      failing: { 'dataset-fashion-mnist': 'E: Unable to locate package dataset-fashion-mnist' },
    });
    expect(await provideSystemPackages({ libtorch: debianLibtorch, machine: ubuntu })).toEqual({ installed: [] });
  });

  it('uses sudo when this user may', async () => {
    const { machine: user, calls } = machine({ programs: ['apt-get', 'sudo'], isRoot: false, sudo: true });
    await provideSystemPackages({ libtorch: undefined, machine: user });
    expect(calls[1]).toMatchObject({ command: 'sudo' });
    expect(calls[1]?.args.slice(0, 4)).toEqual(['-n', 'env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get']);
  });

  it('without root or sudo says what an administrator must run, and runs nothing', async () => {
    const { machine: user, calls } = machine({
      programs: ['apt-get', 'g++', 'cmake', 'ninja', 'ccache'],
      isRoot: false,
    });
    await expect(provideSystemPackages({ libtorch: undefined, machine: user })).rejects.toThrow(
      /Setup stopped at "system packages": libtorch-dev missing, and this user is neither root nor has sudo[\s\S]*sudo apt-get install --no-install-recommends libtorch-dev/,
    );
    expect(calls).toEqual([]);
  });

  it('without root goes on when only optional packages are missing', async () => {
    const { machine: user, calls } = machine({ isRoot: false, programs: everything.filter((name) => name !== 'sudo') });
    expect(await provideSystemPackages({ libtorch: debianLibtorch, machine: user })).toEqual({ installed: [] });
    expect(calls).toEqual([]);
  });

  it.each([
    [
      'no network',
      'Err: Temporary failure resolving deb.debian.org\nE: Failed to fetch',
      /network did not answer[\s\S]*Check the connection/,
    ],
    [
      'a full disk',
      "E: You don't have enough free space in /var/cache/apt/archives/.",
      /disk is full[\s\S]*Free some space/,
    ],
    [
      'a distribution without libtorch',
      'E: Unable to locate package libtorch-dev',
      /no libtorch-dev package[\s\S]*--download-libtorch/,
    ],
    ['anything else', 'E: dpkg was interrupted', /apt-get could not install libtorch-dev[\s\S]*lines of apt-get above/],
  ])('names the cure for %s', async (_what, output, message) => {
    const { machine: broken } = machine({ packages: allPackages, failing: { 'libtorch-dev': output } });
    await expect(provideSystemPackages({ libtorch: undefined, machine: broken })).rejects.toThrow(message);
  });

  it('checks the disk before it fetches libtorch', async () => {
    const { machine: small, calls } = machine({ freeBytes: 1e9 });
    await expect(provideSystemPackages({ libtorch: undefined, machine: small })).rejects.toThrow(
      /at least 2\.0 GB free .* found 1\.0 GB/,
    );
    expect(calls).toEqual([]);
  });

  it('without apt only checks the tools, with the cure of the platform', async () => {
    const { machine: mac } = machine({ programs: ['c++'], platform: 'darwin', isRoot: false });
    await expect(provideSystemPackages({ libtorch: undefined, machine: mac })).rejects.toThrow(
      /cmake, ninja missing[\s\S]*brew install cmake ninja/,
    );
    const { machine: fedora } = machine({ programs: ['g++', 'cmake', 'ninja'], isRoot: false });
    expect(await provideSystemPackages({ libtorch: undefined, machine: fedora })).toEqual({ installed: [] });
  });
});
