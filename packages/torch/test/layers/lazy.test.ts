import { describeLayers } from '../layerCases.js';

describeLayers('lazy');
