export { signalDistortionRatio } from '../audio/signalDistortionRatio.js';
export {
  scaleInvariantSignalDistortionRatio,
  scaleInvariantSignalNoiseRatio,
  signalNoiseRatio,
} from '../audio/signalRatios.js';
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
export { dice } from '../classification/dice.js';
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
export { generalizedIntersectionOverUnion, intersectionOverUnion } from '../detection/intersectionOverUnion.js';
export { peakSignalNoiseRatio } from '../image/peakSignalNoiseRatio.js';
export {
  multiScaleStructuralSimilarityIndexMeasure,
  structuralSimilarityIndexMeasure,
} from '../image/structuralSimilarity.js';
export { totalVariation } from '../image/totalVariation.js';
export { concordanceCorrCoef } from '../regression/concordanceCorrCoef.js';
export { cosineSimilarity } from '../regression/cosineSimilarity.js';
export { explainedVariance } from '../regression/explainedVariance.js';
export { kendallRankCorrCoef } from '../regression/kendallRankCorrCoef.js';
export { klDivergence } from '../regression/klDivergence.js';
export { logCoshError } from '../regression/logCoshError.js';
export { meanAbsoluteError } from '../regression/meanAbsoluteError.js';
export {
  meanAbsolutePercentageError,
  symmetricMeanAbsolutePercentageError,
  weightedMeanAbsolutePercentageError,
} from '../regression/meanAbsolutePercentageError.js';
export { meanSquaredError } from '../regression/meanSquaredError.js';
export { meanSquaredLogError } from '../regression/meanSquaredLogError.js';
export { minkowskiDistance } from '../regression/minkowskiDistance.js';
export { pearsonCorrCoef } from '../regression/pearsonCorrCoef.js';
export { r2Score } from '../regression/r2Score.js';
export { relativeSquaredError } from '../regression/relativeSquaredError.js';
export { spearmanCorrCoef } from '../regression/spearmanCorrCoef.js';
export { tweedieDevianceScore } from '../regression/tweedieDevianceScore.js';
export { bleuScore, sacreBleuScore } from '../text/bleuScore.js';
export { editDistance } from '../text/editDistance.js';
export { charErrorRate, matchErrorRate, wordErrorRate, wordInfoLost, wordInfoPreserved } from '../text/errorRates.js';
export { perplexity } from '../text/perplexity.js';
export { rougeScore } from '../text/rougeScore.js';
