import { describe, expect, it } from 'vitest';
import { renderEvaluationTable } from './evaluationTable.js';
import { stripEscapes, textWidth } from './textWidth.js';

describe('the table of evaluation results', () => {
  it('lists metrics by name with a column for each loader', () => {
    const results: Record<string, number>[] = [
      { 'test/loss': Math.fround(0.2349), 'test/acc/dataloader_idx_0': 0.5 },
      { 'test/acc/dataloader_idx_1': 1 },
    ];
    expect(renderEvaluationTable('test', results, 80, false)).toBe(
      [
        '┏━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┓',
        '┃ Test metric ┃ DataLoader 0 ┃ DataLoader 1 ┃',
        '┡━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━┩',
        '│ test/acc    │ 0.5          │ 1.0          │',
        '│ test/loss   │ 0.2349       │              │',
        '└─────────────┴──────────────┴──────────────┘',
      ].join('\n'),
    );
  });

  it('puts loaders that do not fit below one another, and cuts names that are too long', () => {
    const results = Array.from({ length: 4 }, (_, index) => ({ [`a_rather_long_metric_name_${index}`]: index / 7 }));
    const lines = renderEvaluationTable('validate', results, 40, true).split('\n');
    expect(Math.max(...lines.map(textWidth))).toBeLessThanOrEqual(40);
    expect(lines.filter((line) => line.includes('Validate metric'))).toHaveLength(4);
    expect(stripEscapes(lines.join('\n'))).toContain('DataLoader 3');
  });
});
