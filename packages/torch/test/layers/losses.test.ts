import { describeLayers } from '../layerCases.js';

describeLayers('losses');
