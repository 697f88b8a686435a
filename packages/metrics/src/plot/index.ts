export { type ConfusionMatrixOptions, confusionMatrix } from './confusionMatrix.js';
export { type CurveOptions, type CurvePoints, precisionRecallCurve, rocCurve, valuesOverSteps } from './curves.js';
export { type LearningCurvesOptions, learningCurves } from './learningCurves.js';
export { type Row, readCsv } from './readCsv.js';
export { renderPng } from './renderPng.js';
export { renderSvg } from './renderSvg.js';
export { savePlot } from './savePlot.js';
export type { PlotSpec } from './theme.js';
