import type { Tensor } from '@lightning-ts/torch';
import { Module, type UnaryModule } from '@lightning-ts/torch/nn';

/** Runs a model's children in turn up to the last one wanted, and returns the outputs of those that are wanted. */
export class IntermediateLayers<Name extends string> extends Module {
  private readonly steps: [key: string, module: UnaryModule][];

  /** @param wanted name of the output by the child's key, `{ layer4: 'out' }`. */
  constructor(
    source: Module,
    private readonly wanted: Readonly<Record<string, Name>>,
  ) {
    super();
    const children = source.namedChildren() as [string, UnaryModule][];
    const last = Math.max(...Object.keys(wanted).map((key) => children.findIndex(([name]) => name === key)));
    this.steps = children.slice(0, last + 1);
  }

  protected override entries(): [string, unknown][] {
    return this.steps;
  }

  override forward(input: Tensor): Record<Name, Tensor> {
    const outputs = {} as Record<Name, Tensor>;
    let features = input;
    for (const [key, module] of this.steps) {
      features = module.forward(features);
      const name = this.wanted[key];
      if (name !== undefined) outputs[name] = features;
    }
    return outputs;
  }
}
