import { describeLayers } from '../layerCases.js';

describeLayers('activation');
