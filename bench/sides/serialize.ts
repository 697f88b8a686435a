import { save } from '@lightning-ts/torch/serialize';
import { serializeLoop } from './serializeLoop.js';

await serializeLoop(save);
