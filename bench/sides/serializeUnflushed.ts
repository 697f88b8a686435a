import { open } from 'node:fs/promises';
import { serialize } from '@lightning-ts/torch/serialize';
import { serializeLoop } from './serializeLoop.js';

// The same bytes without the flush and the rename: what torch.save does.
await serializeLoop(async (state, path) => {
  const file = await open(path, 'w');
  try {
    for (const piece of serialize(state)) await file.write(piece);
  } finally {
    await file.close();
  }
});
