import { copyFileSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { addonInputsHash, provideAddon } from '../../scripts/setup/addon.mjs';
import { currentLibtorch } from '../../scripts/setup/libtorch.mjs';
import { repositoryRoot } from '../../scripts/setup/paths.mjs';
import { hasProgram } from '../../scripts/setup/step.mjs';
import { temporaryFolder, writeFakeLibtorch } from './fakeLibtorch.js';

const libtorch = currentLibtorch();
const canBuild = libtorch !== undefined && hasProgram('cmake') && hasProgram('c++');

/** An addon that needs nothing of libtorch's headers, so that it compiles in a second. */
const source = (answer: number): string => `#include <node_api.h>
NAPI_MODULE_INIT() {
  napi_value answer;
  napi_create_int32(env, ${answer}, &answer);
  napi_set_named_property(env, exports, "answer", answer);
  return exports;
}
`;

let root: string;
let packageDir: string;
beforeEach(() => {
  root = temporaryFolder();
  packageDir = path.join(root, 'packages/torch');
  mkdirSync(path.join(packageDir, 'native'), { recursive: true });
  copyFileSync(path.join(repositoryRoot, 'packages/torch/CMakeLists.txt'), path.join(packageDir, 'CMakeLists.txt'));
  symlinkSync(path.join(repositoryRoot, 'scripts'), path.join(root, 'scripts'));
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(root, 'node_modules'));
  writeFileSync(path.join(packageDir, 'native/hello.cc'), source(41));
  return () => rmSync(root, { recursive: true, force: true });
});

describe.skipIf(!canBuild)('provideAddon (needs cmake, a compiler and a libtorch)', () => {
  it('builds, skips what has not changed, rebuilds what has, and names the step of a broken source', async () => {
    const addon = path.join(packageDir, 'build/lightning_torch.node');
    const build = () => provideAddon({ packageDir, root });

    expect(await build()).toBe(true);
    expect(createRequire(import.meta.url)(addon)).toEqual({ answer: 41 });
    const built = statSync(addon).mtimeMs;
    expect(await build()).toBe(false);
    expect(statSync(addon).mtimeMs).toBe(built);

    writeFileSync(path.join(packageDir, 'native/hello.cc'), source(42));
    expect(await build()).toBe(true);

    writeFileSync(path.join(packageDir, 'native/hello.cc'), 'this is not C++');
    await expect(build()).rejects.toThrow(/Setup stopped at "native addon": the compiler or linker failed/);
    await expect(build(), 'a failed build is not taken for a good one').rejects.toThrow(/native addon/);
  });

  it('starts from an empty folder when the checkout has moved', async () => {
    await provideAddon({ packageDir, root });
    const cache = path.join(packageDir, 'build/cmake/CMakeCache.txt');
    const moved = readFileSync(cache, 'utf8').replaceAll(root, '/somewhere/else');
    writeFileSync(cache, moved);
    expect(await provideAddon({ packageDir, root, force: true })).toBe(true);
  });
});

describe('addonInputsHash', () => {
  const fake = () => {
    const prefix = writeFakeLibtorch(path.join(root, 'libtorch'));
    return currentLibtorch({ env: { LIBTORCH: prefix }, platform: 'linux' })!;
  };

  it('changes with a source, with the build file and with the libtorch, and with nothing else', () => {
    const first = addonInputsHash(packageDir, fake(), root);
    mkdirSync(path.join(packageDir, 'build'));
    writeFileSync(path.join(packageDir, 'build/anything'), 'x');
    expect(addonInputsHash(packageDir, fake(), root)).not.toBe('');

    const same = fake();
    const before = addonInputsHash(packageDir, same, root);
    expect(addonInputsHash(packageDir, same, root)).toBe(before);
    expect(addonInputsHash(packageDir, { ...same, version: '9.9.9' }, root)).not.toBe(before);
    writeFileSync(path.join(packageDir, 'native/errors.h'), '// new');
    const withHeader = addonInputsHash(packageDir, same, root);
    expect(withHeader).not.toBe(before);
    writeFileSync(path.join(packageDir, 'CMakeLists.txt'), '# other');
    expect(addonInputsHash(packageDir, same, root)).not.toBe(withHeader);
    expect(first).toMatch(/^[0-9a-f]{64}$/);
  });
});
