import { describeLayers } from '../layerCases.js';

describeLayers('attention');
