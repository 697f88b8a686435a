import { tensor } from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import { classificationReport } from './classificationReport.js';

describe('classificationReport', () => {
  // The example of scikit-learn's documentation of classification_report, with its output.
  it('prints what scikit-learn prints', () => {
    const report = classificationReport([0, 1, 2, 2, 2], [0, 0, 2, 2, 1], {
      labels: ['class 0', 'class 1', 'class 2'],
    });
    expect(report).toBe(`              precision    recall  f1-score   support

     class 0       0.50      1.00      0.67         1
     class 1       0.00      0.00      0.00         1
     class 2       1.00      0.67      0.80         3

    accuracy                           0.60         5
   macro avg       0.50      0.56      0.49         5
weighted avg       0.70      0.60      0.61         5
`);
  });

  it('names classes by their labels when no names are given, and takes tensors and scores', () => {
    const target = tensor([3, 7, 7]);
    const report = classificationReport(target, tensor([3, 7, 3]), { digits: 3 });
    expect(report.split('\n')[2]).toBe('           3      0.500     1.000     0.667         1');
    expect(report.split('\n')[3]).toBe('           7      1.000     0.500     0.667         2');
    const scores = tensor([
      [0.9, 0.1],
      [0.2, 0.8],
    ]);
    expect(classificationReport(tensor([0, 1]), scores, { labels: ['a', 'b'] })).toContain(
      'accuracy                           1.00         2',
    );
  });

  it('widens for long names and lists classes that do not occur', () => {
    const lines = classificationReport([0], [0], { labels: ['a class with a long name', 'b'] }).split('\n');
    expect(lines[2]).toBe('a class with a long name       1.00      1.00      1.00         1');
    expect(lines[3]).toBe('                       b       0.00      0.00      0.00         0');
  });

  it('refuses what does not fit', () => {
    expect(() => classificationReport([0, 1], [0], {})).toThrow(/SHAPE_MISMATCH/);
    expect(() => classificationReport([0, 2], [0, 1], { labels: ['a', 'b'] })).toThrow(/LABEL_OUT_OF_RANGE/);
    expect(() => classificationReport(tensor([0.5]), [0])).toThrow(/DTYPE_INVALID/);
    expect(() => classificationReport([0], [0], { digits: -1 })).toThrow(/OPTION_INVALID/);
  });
});
