/** `npm run build:addon`: builds the native addon if its inputs changed; `--force` builds in any case. */
import { provideAddon } from './setup/addon.mjs';
import { say } from './setup/step.mjs';
import { orExplain } from './setup.mjs';

const built = await orExplain(() => provideAddon({ force: process.argv.includes('--force') }));
say('native addon', built ? 'built' : 'up to date');
