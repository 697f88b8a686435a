import { noGrad } from '@lightning-ts/torch';
import { type ScriptModule, save, trace } from '@lightning-ts/torch/jit';
import { LightningError } from '../errors.js';
import { type ExampleInput, exampleArguments } from '../exampleInputs.js';
import type { AnyLightningModule } from './lightningModule.js';

/** How `toTorchscript` records: the options of `trace` beside its own. */
export interface TorchscriptOptions {
  readonly exampleInputs?: ExampleInput | null;
  readonly method?: 'trace';
  /** Run both once more and compare. Default true. */
  readonly checkTrace?: boolean;
  /** Further inputs to compare with, of other sizes for example. */
  readonly checkInputs?: readonly (readonly unknown[])[];
  /** Whether to refuse objects among the outputs, whose keys become constants. Default true. */
  readonly strict?: boolean;
}

/** Records `forward` as a TorchScript program. See `LightningModule.toTorchscript`. */
export async function exportTorchscript(
  module: AnyLightningModule,
  path: string | null,
  options: TorchscriptOptions,
): Promise<ScriptModule> {
  const { exampleInputs = module.exampleInputArray, method = 'trace', ...rest } = options;
  if (method !== 'trace') {
    throw new LightningError(
      'OPTION_UNAVAILABLE',
      `toTorchscript: method is '${String(method)}'. TypeScript has no source that TorchScript could read; use 'trace'.`,
    );
  }
  if (exampleInputs === null) {
    throw new LightningError(
      'EXPORT_INPUT',
      `toTorchscript needs an example of what ${module.constructor.name}.forward takes. Give exampleInputs, or set ` +
        'this.exampleInputArray.',
    );
  }
  const before = module.modules().map((part) => [part, part.training] as const);
  const { device } = module;
  let example: unknown = module.onBeforeBatchTransfer?.(exampleInputs, 0) ?? exampleInputs;
  example = module.transferBatchToDevice?.(example, device, 0) ?? example;
  example = module.onAfterBatchTransfer?.(example, 0) ?? example;
  module.eval();
  try {
    const inputs = exampleArguments(example as ExampleInput, module);
    const script = noGrad(() => trace(module as never, inputs as never, rest as never)) as ScriptModule;
    if (path !== null) await save(script as never, path);
    return script;
  } finally {
    for (const [part, mode] of before) part.training = mode;
  }
}
