import { describeLayers } from '../layerCases.js';

describeLayers('recurrent');
