export {
  accuracy,
  binaryAccuracy,
  multiclassAccuracy,
  multilabelAccuracy,
} from '../classification/accuracy.js';
export {
  auroc,
  binaryAuroc,
  multiclassAuroc,
  multilabelAuroc,
} from '../classification/auroc.js';
export {
  averagePrecision,
  binaryAveragePrecision,
  multiclassAveragePrecision,
  multilabelAveragePrecision,
} from '../classification/averagePrecision.js';
export {
  binaryCalibrationError,
  calibrationError,
  multiclassCalibrationError,
} from '../classification/calibrationError.js';
export { classificationReport } from '../classification/classificationReport.js';
export {
  binaryCohenKappa,
  cohenKappa,
  multiclassCohenKappa,
} from '../classification/cohenKappa.js';
export {
  binaryConfusionMatrix,
  confusionMatrix,
  multiclassConfusionMatrix,
  multilabelConfusionMatrix,
} from '../classification/confusionMatrix.js';
export {
  exactMatch,
  multiclassExactMatch,
  multilabelExactMatch,
} from '../classification/exactMatch.js';
export {
  binaryFBetaScore,
  f1Score,
  fBetaScore,
  multiclassFBetaScore,
  multilabelFBetaScore,
} from '../classification/fBeta.js';
export {
  binaryHammingDistance,
  hammingDistance,
  multiclassHammingDistance,
  multilabelHammingDistance,
} from '../classification/hammingDistance.js';
export {
  binaryHingeLoss,
  hingeLoss,
  multiclassHingeLoss,
} from '../classification/hingeLoss.js';
export {
  binaryJaccardIndex,
  jaccardIndex,
  multiclassJaccardIndex,
  multilabelJaccardIndex,
} from '../classification/jaccardIndex.js';
export {
  binaryMatthewsCorrCoef,
  matthewsCorrCoef,
  multiclassMatthewsCorrCoef,
  multilabelMatthewsCorrCoef,
} from '../classification/matthewsCorrCoef.js';
export {
  binaryPrecision,
  multiclassPrecision,
  multilabelPrecision,
  precision,
} from '../classification/precision.js';
export {
  binaryPrecisionRecallCurve,
  multiclassPrecisionRecallCurve,
  multilabelPrecisionRecallCurve,
  precisionRecallCurve,
} from '../classification/precisionRecallCurve.js';
export {
  binaryRecall,
  multiclassRecall,
  multilabelRecall,
  recall,
} from '../classification/recall.js';
export {
  binaryRoc,
  multiclassRoc,
  multilabelRoc,
  roc,
} from '../classification/roc.js';
export {
  binarySpecificity,
  multiclassSpecificity,
  multilabelSpecificity,
  specificity,
} from '../classification/specificity.js';
