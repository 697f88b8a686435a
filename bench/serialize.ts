import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { dataFolder, measure, nodeSide, pythonSide, readOptions, requireCompiled } from './harness.js';
import { print } from './report.js';

// 100 MB of state dict saved to the disk and loaded again; a step is one of each. Ours flushes the file to the disk before
// it takes the old one's place and checks every checksum, neither of which torch does; `raw-ts` writes the bytes of
// serialize() itself, without a flush.
requireCompiled();
const options = readOptions({ rounds: 5, steps: 4 });
mkdirSync(dataFolder, { recursive: true });
const env = {
  BENCH_FILE: path.join(dataFolder, 'serialize.pt'),
  BENCH_WARM_UP: '1',
  BENCH_STEPS: String(options.steps),
};
const sides = [
  nodeSide('ours', 'serialize'),
  nodeSide('raw-ts', 'serializeUnflushed'),
  pythonSide('python-torch', 'side.py', ['serialize'], ['torch']),
];
print(measure('serialize', sides, options, { env }), { unit: 'ms/save+load', perBase: 1e3 });
