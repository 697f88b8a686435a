/** `npm run demo`: sets up what is missing, then trains the Fashion-MNIST example. Arguments go to the example. */
import { runScript } from './runScript.mjs';
import { orExplain, setup } from './setup.mjs';

await orExplain(() => setup());
process.exitCode = await runScript('examples/fashion-mnist/train.ts', process.argv.slice(2));
