import type { Tensor } from '@lightning-ts/torch';
import type { Module } from '@lightning-ts/torch/nn';
import { mapTensors } from './mapTensors.js';

/** An example of what `forward` takes: a tensor, an array of its arguments, or an object that is its only one. */
export type ExampleInput = Tensor | readonly unknown[] | Readonly<Record<string, unknown>>;

/** The arguments of `forward` that an example stands for, on the model's device, floats in its element type. */
export function exampleArguments(example: ExampleInput, model: Module): unknown[] {
  const inputs: readonly unknown[] = Array.isArray(example) ? example : [example];
  const parameter = model.parameters()[0];
  if (parameter === undefined) return [...inputs];
  const { device, dtype } = parameter;
  return [
    ...mapTensors(inputs, (tensor: Tensor) => {
      const isConverted = tensor.isFloatingPoint() && parameter.isFloatingPoint();
      return isConverted ? tensor.to({ device, dtype }) : tensor.to(device);
    }),
  ];
}
