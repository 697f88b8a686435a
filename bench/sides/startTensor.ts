import { zeros } from '@lightning-ts/torch';
import { report, residentMb } from '../measure.js';

// The first tensor needs the engine, so this includes the loading of libtorch.
if (zeros([1]).item() !== 0) throw new Error('zeros([1]) is not zero');
report({ seconds: 0, peakRssMb: residentMb().peak });
