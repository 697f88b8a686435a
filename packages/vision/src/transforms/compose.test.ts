import * as torch from '@lightning-ts/torch';
import { describe, expect, it } from 'vitest';
import * as T from './index.js';

describe('steps after ToTensor that treat each value by itself', () => {
  torch.manualSeed(5);
  const image = torch.randint(0, 256, [3, 8, 9], { dtype: 'uint8' });
  const toTensor = new T.ToTensor();
  const normalize = new T.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
  const inTurn = normalize.forward(toTensor.forward(image));

  it('are done in one pass with the same values, on pixels and planes, images and batches', () => {
    const compose = new T.Compose([toTensor, normalize]);
    expect(compose.transforms).toEqual([toTensor, normalize]);
    expect(compose.forward(image).equal(inTurn)).toBe(true);
    expect(compose.forward(image.movedim(0, -1).contiguous()).equal(inTurn)).toBe(true);
    expect(compose.forward(image.flip([-1])).equal(inTurn.flip([-1]))).toBe(true);
    expect(compose.forwardBatch(image.unsqueeze(0)).equal(inTurn.unsqueeze(0))).toBe(true);
    expect(compose.forward(image).isContiguous()).toBe(true);
    const doubled = new T.Compose([toTensor, new T.ConvertImageDtype('float64'), normalize]).forward(image);
    expect([doubled.dtype, doubled.shape]).toEqual(['float64', [3, 8, 9]]);
    // What is no image of bytes goes step by step.
    const floats = image.to('float32').div(255);
    expect(compose.forward(floats).equal(normalize.forward(floats))).toBe(true);
  });

  it('are called as they are when a class of yours changes what they do', () => {
    class Centered extends T.Normalize {
      override forward(given: torch.Tensor): torch.Tensor {
        return super.forward(given).sub(given.mean());
      }
    }
    const centered = new Centered([0.5], [0.5]);
    const floats = toTensor.forward(image);
    const expected = centered.forward(floats);
    expect(new T.Compose([toTensor, centered]).forward(image).equal(expected)).toBe(true);
  });

  it('tell what does not fit as they do alone', () => {
    const compose = new T.Compose([toTensor, new T.Normalize([0, 0], [1, 1])]);
    expect(() => compose.forward(image)).toThrow(/IMAGE_INVALID.*2 channels.*3/);
    torch.setDefaultDType('float64');
    try {
      expect(new T.Compose([toTensor, normalize]).forward(image).dtype).toBe('float64');
    } finally {
      torch.setDefaultDType('float32');
    }
  });
});
