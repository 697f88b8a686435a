import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asCMake, findLibtorch, LibtorchNotFoundError } from '../../scripts/findLibtorch.mjs';
import { oldAbi, temporaryFolder, versionHeader, writeFakeLibtorch } from './fakeLibtorch.js';

let folder: string;
beforeEach(() => {
  folder = temporaryFolder();
  return () => rmSync(folder, { recursive: true, force: true });
});

/** Looks nowhere but where the test says. */
const search = (options: Record<string, unknown> = {}) =>
  findLibtorch({
    env: {},
    cacheDir: path.join(folder, 'cache'),
    pythons: [],
    systemPrefixes: [],
    platform: 'linux',
    ...options,
  });

/** A program that answers like a Python whose torch lies in `torchFolder`. */
function fakePython(torchFolder: string): string {
  const file = path.join(folder, 'python3');
  writeFileSync(file, `#!/bin/sh\necho '${torchFolder}'\n`);
  chmodSync(file, 0o755);
  return file;
}

function failure(run: () => unknown): LibtorchNotFoundError {
  try {
    run();
  } catch (error) {
    if (error instanceof LibtorchNotFoundError) return error;
    throw error;
  }
  throw new Error('expected a LibtorchNotFoundError');
}

describe('findLibtorch', () => {
  it('describes an unpacked archive named by LIBTORCH', () => {
    const prefix = writeFakeLibtorch(path.join(folder, 'libtorch'), { version: '2.6.0' });
    expect(search({ env: { LIBTORCH: prefix } })).toEqual({
      version: '2.6.0',
      source: 'LIBTORCH',
      includeDirs: [path.join(prefix, 'include'), path.join(prefix, 'include/torch/csrc/api/include')],
      libDir: path.join(prefix, 'lib'),
      libraries: ['libtorch.so', 'libtorch_cpu.so', 'libc10.so'].map((name) => path.join(prefix, 'lib', name)),
      openmpLibraries: [],
      cxx11Abi: 1,
      hasCuda: false,
    });
  });

  it('never falls back to another libtorch when LIBTORCH points at nothing usable', () => {
    const system = writeFakeLibtorch(path.join(folder, 'usr'));
    const error = failure(() => search({ env: { LIBTORCH: path.join(folder, 'nowhere') }, systemPrefixes: [system] }));
    expect(error.message).toContain(`LIBTORCH=${path.join(folder, 'nowhere')}: no libtorch_cpu.so and no headers`);
    expect(error.message).toContain('not tried, because LIBTORCH is set');
  });

  it('tells the old string ABI from the new one', () => {
    const prefix = writeFakeLibtorch(path.join(folder, 'old'), { c10: `ELF...${oldAbi}\0...` });
    expect(search({ env: { LIBTORCH: prefix } }).cxx11Abi).toBe(0);
  });

  it('links the CUDA libraries when they are there', () => {
    const found = search({ env: { LIBTORCH: writeFakeLibtorch(path.join(folder, 'cuda'), { cuda: true }) } });
    expect(found.hasCuda).toBe(true);
    expect(found.libraries.map((file: string) => path.basename(file))).toEqual([
      'libtorch.so',
      'libtorch_cpu.so',
      'libtorch_cuda.so',
      'libc10_cuda.so',
      'libc10.so',
    ]);
  });

  it('reports the OpenMP runtime that ships beside libtorch', () => {
    const prefix = writeFakeLibtorch(path.join(folder, 'wheel'), { extraLibraries: ['libgomp-a34b3233.so.1'] });
    expect(search({ env: { LIBTORCH: prefix } }).openmpLibraries).toEqual([
      path.join(prefix, 'lib/libgomp-a34b3233.so.1'),
    ]);
  });

  it('reads the version of releases that keep it in torch/headeronly', () => {
    const prefix = writeFakeLibtorch(path.join(folder, 'new'));
    writeFileSync(
      path.join(prefix, 'include/torch/csrc/api/include/torch/version.h'),
      '#include <torch/headeronly/version.h>\n',
    );
    mkdirSync(path.join(prefix, 'include/torch/headeronly'));
    writeFileSync(path.join(prefix, 'include/torch/headeronly/version.h'), versionHeader('2.10.1'));
    expect(search({ env: { LIBTORCH: prefix } }).version).toBe('2.10.1');
  });

  it('takes the newest archive of the project cache before Python and the system', () => {
    writeFakeLibtorch(path.join(folder, 'cache/2.9.1-linux-x64'), { version: '2.9.1' });
    writeFakeLibtorch(path.join(folder, 'cache/2.10.0-linux-x64'), { version: '2.10.0' });
    const system = writeFakeLibtorch(path.join(folder, 'usr'), { version: '1.13.0' });
    expect(search({ systemPrefixes: [system] })).toMatchObject({ source: 'cache', version: '2.10.0' });
  });

  it('takes a Python torch of its own before the system folders', () => {
    const torch = writeFakeLibtorch(path.join(folder, 'site-packages/torch'), { version: '2.8.0' });
    const system = writeFakeLibtorch(path.join(folder, 'usr'), { version: '1.13.0' });
    expect(search({ pythons: [fakePython(torch)], systemPrefixes: [system] })).toMatchObject({
      source: 'python',
      version: '2.8.0',
    });
  });

  it('counts a Python torch that only links to the system library as the system', () => {
    const system = writeFakeLibtorch(path.join(folder, 'usr'), { version: '1.13.0' });
    const torch = path.join(folder, 'dist-packages/torch');
    mkdirSync(torch, { recursive: true });
    symlinkSync(path.join(system, 'lib'), path.join(torch, 'lib'));
    symlinkSync(path.join(system, 'include'), path.join(torch, 'include'));
    expect(search({ pythons: [fakePython(torch)], systemPrefixes: [system] })).toMatchObject({
      source: 'system',
      libDir: path.join(system, 'lib'),
    });
  });

  it('lists every place with its reason when nothing is usable', () => {
    const headersOnly = writeFakeLibtorch(path.join(folder, 'headers'), { without: 'libraries' });
    const librariesOnly = writeFakeLibtorch(path.join(folder, 'libraries'), { without: 'headers' });
    const error = failure(() =>
      search({ pythons: [path.join(folder, 'no-python')], systemPrefixes: [headersOnly, librariesOnly] }),
    );
    expect(error.code).toBe('LIBTORCH_NOT_FOUND');
    expect(error.lookedAt.map(({ place }: { place: string }) => place)).toEqual([
      'LIBTORCH',
      path.join(folder, 'cache'),
      headersOnly,
      librariesOnly,
      `Python torch of ${path.join(folder, 'no-python')}`,
    ]);
    expect(error.message).toMatch(/headers, but no libtorch_cpu\.so in /);
    expect(error.message).toMatch(/libtorch_cpu\.so, but no headers/);
    expect(error.message).toContain('apt-get install libtorch-dev');
  });

  it('writes what CMake can include, lists and spaces and all', () => {
    const prefix = writeFakeLibtorch(path.join(folder, 'with a space'));
    const text = asCMake(search({ env: { LIBTORCH: prefix } }));
    expect(text).toContain(`set(LIBTORCH_INCLUDE_DIRS "${prefix}/include;${prefix}/include/torch/csrc/api/include")`);
    expect(text).toContain('set(LIBTORCH_CXX11_ABI 1)');
    expect(text).toContain('set(LIBTORCH_HAS_CUDA OFF)');
  });
});
