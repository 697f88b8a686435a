import { describeLayers } from '../layerCases.js';

describeLayers('features');
