import { BatchNorm2d, Conv2d, GroupNorm, init, Linear, type Module } from '@lightning-ts/torch/nn';

export interface LayerInitializers {
  conv?: (layer: Conv2d) => void;
  linear?: (layer: Linear) => void;
}

/**
 * Gives every layer of a model its first weights, from the outside in and in the order of the fields, so that one seed
 * gives the weights that torchvision's model gets. Normalisations start as the identity.
 */
export function initLayers(model: Module, { conv, linear }: LayerInitializers): void {
  for (const layer of model.modules()) {
    if (layer instanceof Conv2d) conv?.(layer);
    else if (layer instanceof Linear) linear?.(layer);
    else if (layer instanceof BatchNorm2d || layer instanceof GroupNorm) {
      if (layer.weight !== null) init.ones_(layer.weight);
      if (layer.bias !== null) init.zeros_(layer.bias);
    }
  }
}

/** N(0, 2 / fanOut) for a ReLU network (He et al. 2015), and no bias to begin with. */
export function kaimingFanOut(layer: Conv2d): void {
  init.kaimingNormal_(layer.weight, { mode: 'fan_out', nonlinearity: 'relu' });
  if (layer.bias !== null) init.zeros_(layer.bias);
}

/** N(0, std²) and no bias to begin with. */
export const normalLinear =
  (std: number) =>
  (layer: Linear): void => {
    init.normal_(layer.weight, 0, std);
    if (layer.bias !== null) init.zeros_(layer.bias);
  };
