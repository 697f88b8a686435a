export {
  type Color,
  colorNames,
  type DrawBoxesOptions,
  type DrawMasksOptions,
  drawBoundingBoxes,
  drawSegmentationMasks,
} from './draw.js';
export { type GridOptions, makeGrid, saveImage } from './makeGrid.js';
