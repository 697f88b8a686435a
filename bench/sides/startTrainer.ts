import { Trainer } from '@lightning-ts/lightning';
import { report, residentMb } from '../measure.js';

new Trainer({ accelerator: 'cpu', logger: false, enableCheckpointing: false, enableProgressBar: false });
report({ seconds: 0, peakRssMb: residentMb().peak });
