import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { provideNpmPackages, whyInstall } from '../../scripts/setup/npmPackages.mjs';
import { temporaryFolder } from './fakeLibtorch.js';

interface LockEntry {
  version: string;
  integrity?: string;
  optional?: boolean;
}

let root: string;
beforeEach(() => {
  root = temporaryFolder();
  return () => rmSync(root, { recursive: true, force: true });
});

const lock: Record<string, LockEntry | object> = {
  '': { name: 'project' },
  'packages/torch': { version: '0.1.0' },
  'node_modules/alpha': { version: '1.2.3', integrity: 'sha512-a' },
  'node_modules/beta-darwin': { version: '1.0.0', integrity: 'sha512-b', optional: true },
};

function write(file: string, value: unknown): void {
  const target = path.join(root, file);
  mkdirSync(path.dirname(target), { recursive: true });
  writeFileSync(target, JSON.stringify(value));
}

function install(packages: Record<string, object> = { 'node_modules/alpha': lock['node_modules/alpha']! }): void {
  write('package-lock.json', { packages: lock });
  write('node_modules/.package-lock.json', { packages });
  mkdirSync(path.join(root, 'node_modules/alpha'), { recursive: true });
}

describe('whyInstall', () => {
  it('is content when everything but packages for other platforms is there', () => {
    install();
    expect(whyInstall(root)).toBeUndefined();
  });

  it('notices a missing node_modules', () => {
    write('package-lock.json', { packages: lock });
    expect(whyInstall(root)).toBe('nothing is installed yet');
  });

  it('notices a lock file that asks for another version', () => {
    install({ 'node_modules/alpha': { version: '1.2.2', integrity: 'sha512-a' } });
    expect(whyInstall(root)).toBe('alpha is 1.2.2, the lock file says 1.2.3');
  });

  it('notices a new package and a deleted folder', () => {
    install({});
    expect(whyInstall(root)).toBe('alpha is not installed');
    install();
    rmSync(path.join(root, 'node_modules/alpha'), { recursive: true });
    expect(whyInstall(root)).toBe('node_modules/alpha was deleted');
  });
});

describe('provideNpmPackages', () => {
  const answer =
    (output: string, missing = false) =>
    async () => ({ ok: false, status: 1, output, missing });

  it('runs npm ci only when it is needed', async () => {
    const calls: string[] = [];
    const run = async (command: string, args: string[]) => {
      calls.push([command, ...args].join(' '));
      return { ok: true, status: 0, output: '', missing: false };
    };
    install();
    expect(await provideNpmPackages({ root, run })).toBe(false);
    rmSync(path.join(root, 'node_modules'), { recursive: true });
    expect(await provideNpmPackages({ root, run })).toBe(true);
    expect(calls).toEqual(['npm ci --no-audit --no-fund']);
  });

  it.each([
    ['no network', answer('npm error code EAI_AGAIN'), /npm packages.*network did not answer/],
    [
      'a foreign certificate',
      answer('npm ERR! code SELF_SIGNED_CERT_IN_CHAIN'),
      /certificate[\s\S]*NODE_EXTRA_CA_CERTS/,
    ],
    ['a full disk', answer('npm error code ENOSPC'), /disk is full/],
    ['a lock file out of step', answer('npm error code EUSAGE'), /do not agree[\s\S]*npm install once/],
    ['no npm', answer('', true), /expected npm beside Node, found none/],
  ])('names the step and the cure for %s', async (_what, run, message) => {
    write('package-lock.json', { packages: lock });
    await expect(provideNpmPackages({ root, run })).rejects.toThrow(message);
  });
});
