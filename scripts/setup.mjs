/**
 * Sets up everything that is missing, and nothing else; safe to run again at any time.
 *
 *   npm run setup                          system packages (apt), npm packages, addon, TypeScript build
 *   npm run setup -- --download-libtorch   fetch PyTorch's official archive into .cache/libtorch instead of using apt's
 *
 * Only Node built-ins are imported here and in scripts/setup/: it runs before node_modules exists.
 */
import { provideAddon } from './setup/addon.mjs';
import { checkNode } from './setup/checkNode.mjs';
import { isMain } from './setup/isMain.mjs';
import { currentLibtorch, provideLibtorch } from './setup/libtorch.mjs';
import { provideNpmPackages } from './setup/npmPackages.mjs';
import { SetupError, say } from './setup/step.mjs';
import { provideSystemPackages } from './setup/systemPackages.mjs';
import { provideTypeScriptBuild } from './setup/typescript.mjs';

/**
 * @param {{ downloadLibtorch?: boolean }} [options]
 * @throws {SetupError} naming the step and the cure
 */
export async function setup({ downloadLibtorch = process.env.LIGHTNING_TS_DOWNLOAD_LIBTORCH === '1' } = {}) {
  checkNode();
  await provideSystemPackages({ libtorch: currentLibtorch(), downloadLibtorch });
  await provideNpmPackages();
  const libtorch = await provideLibtorch({ downloadLibtorch });
  await provideAddon({ libtorch });
  await provideTypeScriptBuild();
}

/** Runs `work`; a SetupError is told in its own words and ends the process with status 1. */
export async function orExplain(work) {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`\n${error.message}\n`);
    process.exit(1);
  }
}

if (isMain(import.meta.url)) {
  const flags = process.argv.slice(2);
  const unknown = flags.filter((flag) => flag !== '--download-libtorch');
  if (unknown.length > 0) {
    process.stderr.write(`Unknown option ${unknown.join(' ')}. There is one: --download-libtorch\n`);
    process.exit(2);
  }
  await orExplain(() => setup(flags.includes('--download-libtorch') ? { downloadLibtorch: true } : {}));
  say('ready', 'npm run demo trains the example, npm test runs the tests');
}
