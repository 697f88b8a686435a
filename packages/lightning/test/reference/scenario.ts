/** One row of scenarios.json, in Python's names: both sides run it. */
export interface Scenario {
  readonly name: string;
  readonly seed?: number;
  readonly model?: 'manual';
  readonly dropout?: boolean;
  readonly datamodule?: boolean;
  /** The second optimizer of the manual model steps with every n-th batch. */
  readonly second_every?: number;
  /** Batches of every epoch whose training step gives no loss. */
  readonly skip?: readonly number[];
  readonly train?: LoaderSpec;
  readonly val?: LoaderSpec | readonly LoaderSpec[];
  readonly test?: LoaderSpec | readonly LoaderSpec[];
  readonly predict?: LoaderSpec | readonly LoaderSpec[];
  readonly trainer?: Readonly<Record<string, unknown>>;
  readonly optimizer?: Readonly<Record<string, unknown>> & { readonly kind: string };
  readonly scheduler?: { readonly kind: string; readonly args: Readonly<Record<string, unknown>> } & Readonly<
    Record<string, unknown>
  >;
  readonly callbacks?: readonly [kind: string, options: Readonly<Record<string, unknown>>][];
  /** What is logged in which hook, `M.training_step` say. */
  readonly logs?: Readonly<Record<string, readonly LogItem[]>>;
  readonly stop?: HookCall;
  readonly raise?: HookCall;
  readonly calls?: readonly EntryCall[];
}

/** A number of batches, or a loader of another kind. */
export type LoaderSpec =
  | number
  | { readonly unsized: number }
  | { readonly shuffle: number }
  | { readonly dict: Readonly<Record<string, number>> }
  | { readonly mode: string; readonly loaders: readonly LoaderSpec[] };

export interface LogItem {
  readonly name: string;
  readonly value?: 'loss' | 'mean' | 'most' | number | readonly number[];
  readonly [option: string]: unknown;
}

interface HookCall {
  readonly hook: string;
  /** Counted from 1. */
  readonly call: number;
}

export interface EntryCall {
  readonly do: 'fit' | 'validate' | 'test' | 'predict';
  readonly ckpt?: string;
  /** A checkpoint to save afterwards. */
  readonly save?: string;
  /** Makes a new Trainer and model, with these options over the scenario's. */
  readonly trainer?: Readonly<Record<string, unknown>>;
}

/** What an entry point left behind. */
export interface RunRecord {
  hooks: string;
  result: unknown;
  error: string | null;
  global_step: number;
  current_epoch: number;
  rows: [step: number, values: Record<string, number>][];
  callback_metrics: Record<string, number>;
  logged_metrics: Record<string, number>;
  progress_bar_metrics: Record<string, number>;
}

/** What a whole scenario left behind; paths are relative to the run's folder. */
export interface Outcome {
  name: string;
  runs: RunRecord[];
  losses: number[];
  /** The learning rate of every optimizer at every training batch. */
  rates: number[][];
  weights: Record<string, unknown>;
  files: string[];
  contents: Record<string, [epoch: number, globalStep: number]>;
  checkpoints: { best: string; score: number | null; last: string; models: Record<string, number> }[];
  stopping: { epoch: number; wait: number; best: number }[];
  loops?: Record<string, unknown>;
  csv?: string;
}
