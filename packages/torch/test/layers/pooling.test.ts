import { describeLayers } from '../layerCases.js';

describeLayers('pooling');
