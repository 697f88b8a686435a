import { formatSeconds } from '../terminal/numberText.js';
import { createStyle, supportsColor } from '../terminal/style.js';
import { renderTable } from '../terminal/table.js';
import type { Comparison, CrossValidationResult } from './crossValidationResult.js';

/** At most so many folds are shown one by one where there is room; otherwise the smallest and the largest value. */
const foldsShown = 10;

/** The metrics of all folds as a table. @param width columns of the terminal */
export function resultTable({ confidence, folds, metrics, status }: CrossValidationResult, width: number): string {
  const style = createStyle(supportsColor(process.stdout));
  const seconds = folds.reduce((sum, fold) => sum + fold.seconds, 0);
  const sizes = (part: 'trainIndices' | 'testIndices'): string => {
    const lengths = folds.map(({ fold }) => fold[part].length);
    const [least, most] = [Math.min(...lengths), Math.max(...lengths)];
    return least === most ? String(least) : `${least} to ${most}`;
  };
  if (folds.length === 0) return 'Cross-validation: interrupted before a fold was done.';
  const title = `${folds.length} ${folds.length === 1 ? 'fold' : 'folds'}${status === 'interrupted' ? ', then interrupted' : ''}; ${sizes('trainIndices')} samples to train, ${sizes('testIndices')} held out; ${formatSeconds(seconds)}`;
  const draw = (showsEach: boolean, most: number): string =>
    renderTable(
      [
        { title: 'Metric', paint: style.cyan },
        { title: 'Mean', align: 'right', paint: style.bold },
        { title: 'Std', align: 'right' },
        { title: `${percent(confidence)} interval`, align: 'right', paint: style.magenta },
        { title: showsEach ? 'Folds' : 'Least … most', paint: style.dim },
      ],
      Object.entries(metrics).map(([name, { interval, mean, std, values }]) => [
        name,
        four(mean),
        `± ${four(std)}`,
        interval.some(Number.isNaN) ? '' : range(...interval),
        showsEach ? values.map(four).join('  ') : range(Math.min(...values), Math.max(...values)),
      ]),
      most,
    );
  const whole = draw(true, Number.POSITIVE_INFINITY);
  const fits = folds.length <= foldsShown && whole.indexOf('\n') <= width;
  return `${title}\n${fits ? whole : draw(false, width)}`;
}

function range(low: number, high: number): string {
  return `${four(low)} … ${four(high)}`;
}

/** A comparison as a sentence. */
export function comparisonText(comparison: Omit<Comparison, 'toString'>, confidence: number): string {
  const { alternative, difference, interval, metric, pValue, test } = comparison;
  const names = { corrected: 'corrected paired t-test', t: 'paired t-test', wilcoxon: 'Wilcoxon signed-rank test' };
  const sign = difference > 0 ? '+' : '';
  const verdict = Number.isNaN(pValue)
    ? 'no fold differs'
    : `p = ${pValue < 1e-4 ? pValue.toExponential(1) : four(pValue)}`;
  const side = alternative === 'two-sided' ? '' : `, ${alternative}`;
  return `${metric}: ${sign}${four(difference)} (${percent(confidence)} interval ${four(interval[0])} … ${four(interval[1])}), ${verdict} (${names[test]}${side})`;
}

function percent(confidence: number): string {
  return `${Number((100 * confidence).toFixed(2))} %`;
}

/** Four digits that say something. */
function four(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf';
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential(2);
  return size < 10 ? value.toFixed(4) : value.toPrecision(5);
}
