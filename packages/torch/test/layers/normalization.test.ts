import { describeLayers } from '../layerCases.js';

describeLayers('normalization');
