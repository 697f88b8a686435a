import type { Tensor } from '@lightning-ts/torch';
import type { OptimizerState } from '@lightning-ts/torch/optim';

/**
 * What a `.ckpt` file holds. Keys are Python's, so that either side reads the other's files. Hooks may add their own keys:
 * plain data and tensors.
 */
export interface CheckpointData {
  /** The epoch in progress, counted from 0. */
  epoch: number;
  /** Optimizer steps done. */
  global_step: number;
  'pytorch-lightning_version': string;
  /** Parameters and persistent buffers by their dotted names. */
  state_dict: Map<string, Tensor>;
  /** Counters of every loop: `{ fit_loop, validate_loop, test_loop, predict_loop }`. */
  loops?: Record<string, unknown>;
  /** States of the callbacks by their state keys. */
  callbacks?: Record<string, unknown>;
  /** One entry for each optimizer. */
  optimizer_states?: OptimizerState[];
  /** One entry for each scheduler. */
  lr_schedulers?: Record<string, unknown>[];
  hparams_name?: string | null;
  hyper_parameters?: Record<string, unknown>;
  datamodule_hparams_name?: string | null;
  datamodule_hyper_parameters?: Record<string, unknown>;
  /** What exact resuming needs beyond the reference's keys; see resume.ts. */
  lightning_ts?: Record<string, unknown>;
  [key: string]: unknown;
}
