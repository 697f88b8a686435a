import { existsSync, readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkNode } from '../../scripts/setup/checkNode.mjs';
import { repositoryRoot } from '../../scripts/setup/paths.mjs';
import { diagnose, requireSpace } from '../../scripts/setup/step.mjs';

/** Every module that `file` imports statically, and what those import, by path; bare names are collected apart. */
function importsOf(
  file: string,
  files = new Set<string>(),
  bare = new Set<string>(),
): { files: Set<string>; bare: Set<string> } {
  if (files.has(file)) return { files, bare };
  files.add(file);
  for (const [, specifier = ''] of readFileSync(file, 'utf8').matchAll(
    /^(?:import|export)\s(?:[^'";]*?\sfrom\s)?\s*['"]([^'"]+)['"]/gm,
  )) {
    if (specifier.startsWith('.')) importsOf(path.resolve(path.dirname(file), specifier), files, bare);
    else bare.add(specifier);
  }
  return { files, bare };
}

describe('the commands of a fresh clone', () => {
  it.each(['setup', 'demo', 'test', 'bench', 'buildAddon', 'findLibtorch'])(
    'scripts/%s.mjs needs nothing but Node',
    (name) => {
      const { files, bare } = importsOf(path.join(repositoryRoot, 'scripts', `${name}.mjs`));
      expect(files.size).toBeGreaterThan(1);
      for (const specifier of bare) expect(specifier).toMatch(/^node:/);
      for (const specifier of bare) expect(builtinModules).toContain(specifier.replace('node:', ''));
    },
  );

  it('are those that package.json names', () => {
    const { scripts } = JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8'));
    for (const name of ['demo', 'test', 'bench', 'setup']) {
      expect(scripts[name]).toBe(`node scripts/${name}.mjs`);
      expect(existsSync(path.join(repositoryRoot, 'scripts', `${name}.mjs`))).toBe(true);
    }
  });

  it('find every package that the lock file must name: npm ci refuses a lock file without the other platforms', () => {
    const { packages } = JSON.parse(readFileSync(path.join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { optionalDependencies?: Record<string, string> }>;
    };
    const named = new Set(Object.keys(packages).map((place) => place.replace(/^.*node_modules\//, '')));
    for (const [place, { optionalDependencies = {} }] of Object.entries(packages)) {
      const missing = Object.keys(optionalDependencies).filter((name) => !named.has(name));
      expect(missing, `packages of ${place} that package-lock.json lacks`).toEqual([]);
    }
  });

  it('need no install script of any package: native code comes in platform packages', () => {
    const { packages } = JSON.parse(readFileSync(path.join(repositoryRoot, 'package-lock.json'), 'utf8')) as {
      packages: Record<string, { hasInstallScript?: boolean; optional?: boolean }>;
    };
    const withScripts = Object.entries(packages)
      .filter(([, entry]) => entry.hasInstallScript && !entry.optional)
      .map(([name]) => name);
    // esbuild's script only replaces its launcher by the binary of the platform package; it runs without.
    expect(withScripts.filter((name) => !name.endsWith('node_modules/esbuild'))).toEqual([]);
  });
});

describe('checkNode', () => {
  it.each(['20.19.0', '20.20.2', '22.0.0', '24.1.0'])('accepts %s', (version) => {
    expect(() => checkNode(version)).not.toThrow();
  });

  it.each(['18.20.4', '20.18.3'])('refuses %s and says how to get a newer one', (version) => {
    expect(() => checkNode(version)).toThrow(`expected Node 20.19 or newer, this is ${version}`);
    expect(() => checkNode(version)).toThrow(/nodejs\.org/);
  });
});

describe('diagnose', () => {
  it('takes a full disk for the reason even when downloads failed because of it', () => {
    expect(diagnose('E: Failed to fetch x  No space left on device', '/')?.problem).toBe('the disk is full');
  });

  it('says nothing about output it does not know', () => {
    expect(diagnose('something else')).toBeUndefined();
  });
});

describe('requireSpace', () => {
  it('names the step, the need and what is there', () => {
    expect(() => requireSpace('native addon', '/x', 5e8, 1e8)).toThrow(
      /Setup stopped at "native addon": expected at least 0\.5 GB free on the disk of \/x, found 0\.1 GB/,
    );
    expect(() => requireSpace('native addon', '/x', 5e8, 6e8)).not.toThrow();
  });
});
