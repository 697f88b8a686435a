import { TorchError } from '../errors.js';
import { native } from '../native.js';
import { Optimizer, type ParamGroup, type ParamsInput } from './optimizer.js';
import { requireNotNegative, requireRange, requireWhole } from './settingRanges.js';
import { zerosColumn } from './stateColumns.js';

export interface MuonOptions {
  /** Default 1e-3. */
  lr?: number;
  /** Shrinks p itself by lr · weightDecay; default 0.1. */
  weightDecay?: number;
  /** Share of the running mean of gradients that is kept; default 0.95. */
  momentum?: number;
  /** Look ahead; default true. */
  nesterov?: boolean;
  /** Coefficients of the Newton-Schulz polynomial; default [3.4445, -4.775, 2.0315]. */
  nsCoefficients?: [number, number, number];
  /** The least norm to divide by; default 1e-7. */
  eps?: number;
  /** Newton-Schulz iterations, below 100; default 5. */
  nsSteps?: number;
  /**
   * How the rate follows a matrix's shape: 'original' (the default), by the root of rows over columns where that is above 1;
   * 'match_rms_adamw', such that rates and decays tuned for AdamW fit.
   */
  adjustLrFn?: 'original' | 'match_rms_adamw' | null;
}

type MuonSettings = Required<Omit<MuonOptions, 'lr'>>;

const bufferState = [zerosColumn('momentum_buffer')];

/**
 * Muon (Jordan 2024) in the form of torch 2.9; torch 1.13 has none: momentum, made orthogonal. For the matrices of hidden
 * layers; give biases, embeddings and heads to AdamW. The Newton-Schulz iteration runs in bfloat16 as in torch, but on
 * the CPU in float32 (float64 for float64 parameters), which is faster there and more exact.
 *
 * State on disk, as torch 2.9 writes it: `momentum_buffer`.
 */
export class Muon extends Optimizer<MuonSettings> {
  constructor(params: ParamsInput<MuonSettings & { lr: number }>, options: MuonOptions = {}) {
    super(params, {
      lr: options.lr ?? 1e-3,
      weightDecay: options.weightDecay ?? 0.1,
      momentum: options.momentum ?? 0.95,
      nesterov: options.nesterov ?? true,
      nsCoefficients: options.nsCoefficients ?? [3.4445, -4.775, 2.0315],
      eps: options.eps ?? 1e-7,
      nsSteps: options.nsSteps ?? 5,
      adjustLrFn: options.adjustLrFn ?? null,
    });
  }

  protected checkGroup(group: ParamGroup<MuonSettings>): void {
    requireNotNegative('Muon', group, 'lr', 'weightDecay', 'momentum', 'eps');
    for (const i of [0, 1, 2])
      requireRange('Muon', `nsCoefficients[${i}]`, group.nsCoefficients?.[i], () => true, 'a number');
    requireWhole('Muon', 'nsSteps', group.nsSteps, 0, 99);
    const fail = (message: string): never => {
      throw new TorchError('OPTIMIZER_ARGUMENT', `Muon: ${message}`);
    };
    if (![null, 'original', 'match_rms_adamw'].includes(group.adjustLrFn))
      fail(`adjustLrFn must be 'original', 'match_rms_adamw' or null, got ${String(group.adjustLrFn)}`);
    group.params.forEach((param, i) => {
      if (param.dim() !== 2 || param.isComplex())
        fail(
          `parameters must be real matrices; entry ${i} of a group is ${param.dtype}[${param.shape.join(', ')}]. Give it to AdamW.`,
        );
    });
  }

  protected stepGroup(group: ParamGroup<MuonSettings>, index: number): void {
    const { lr, momentum, weightDecay, nesterov, nsCoefficients, nsSteps, eps, adjustLrFn } = group;
    const settings = this.pack(
      lr,
      momentum,
      weightDecay,
      nesterov,
      ...nsCoefficients,
      nsSteps,
      eps,
      adjustLrFn === 'match_rms_adamw',
    );
    native.muonStep(this.planFor(group, index, bufferState), settings, false);
  }
}
