import { describeLayers } from '../layerCases.js';

describeLayers('resizing');
