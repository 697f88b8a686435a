import { describeLayers } from '../layerCases.js';

describeLayers('convTranspose');
