import type { ModelDescription } from '../summary/modelSummary.js';
import { summaryTable } from '../summary/summaryTable.js';
import { createStyle, supportsColor, type TerminalStream } from '../terminal/style.js';
import { ModelSummary, type ModelSummaryOptions } from './modelSummary.js';

export interface RichModelSummaryOptions extends ModelSummaryOptions {
  /** What tells the width and whether there are colours. Default standard output. */
  readonly stream?: TerminalStream;
}

/** The model summary as a table with lines and colours, cut to the width of the terminal. */
export class RichModelSummary extends ModelSummary {
  private readonly stream: TerminalStream;

  /** @throws LightningError OPTION_INVALID, OPTION_UNKNOWN */
  constructor(options: RichModelSummaryOptions = {}) {
    const { stream = process.stdout, ...others } = options;
    super(others);
    this.stream = stream;
  }

  protected override text(summary: ModelDescription): string {
    const width = this.stream.columns || 80;
    return summaryTable(summary, width, createStyle(supportsColor(this.stream)));
  }
}
