import * as torch from '@lightning-ts/torch';
import { save, load } from '@lightning-ts/torch/serialize';
import { Linear } from '@lightning-ts/torch/nn';
const l = new Linear(32, 2);
for (let i = 0; i < 200; i++) { l.stateDict(); torch.memory.collect(); }
console.log('ok');
