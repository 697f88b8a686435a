import { describe, expect, it } from 'vitest';
import * as torch from '../../src/index.js';
import * as nn from '../../src/nn/index.js';
import { torchErrorOf } from '../encodedTensor.js';

const sequences = [[1, 2], [3, 4, 5], [6]].map((values) => torch.tensor(values, { dtype: 'float32' }));

describe('sequences of different lengths', () => {
  it('are padded at the end', () => {
    expect(nn.padSequence(sequences, { batchFirst: true, paddingValue: -1 }).tolist()).toEqual([
      [1, 2, -1],
      [3, 4, 5],
      [6, -1, -1],
    ]);
    expect(nn.padSequence(sequences).shape).toEqual([3, 3]);
  });

  it('are cut to their lengths again', () => {
    const padded = nn.padSequence(sequences);
    expect(nn.unpadSequence(padded, [2, 3, 1]).map((one) => one.tolist())).toEqual(
      sequences.map((one) => one.tolist()),
    );
    expect(torchErrorOf(() => nn.unpadSequence(padded, [2, 3])).code).toBe('SHAPE_MISMATCH');
  });

  it('are packed step by step, longest first', () => {
    const packed = nn.packSequence(sequences, { enforceSorted: false });
    expect(packed.data.tolist()).toEqual([3, 1, 6, 4, 2, 5]);
    expect(packed.batchSizes.tolist()).toEqual([3, 2, 1]);
    expect(packed.sortedIndices!.tolist()).toEqual([1, 0, 2]);
    expect(packed.unsortedIndices!.tolist()).toEqual([1, 0, 2]);
    expect(nn.unpackSequence(packed).map((one) => one.tolist())).toEqual(sequences.map((one) => one.tolist()));
  });

  it('come back padded to the length asked for', () => {
    const packed = nn.packSequence(sequences, { enforceSorted: false });
    const [padded, lengths] = nn.padPackedSequence(packed, { batchFirst: true, paddingValue: 9, totalLength: 4 });
    expect(padded.tolist()).toEqual([
      [1, 2, 9, 9],
      [3, 4, 5, 9],
      [6, 9, 9, 9],
    ]);
    expect(lengths.tolist()).toEqual([2, 3, 1]);
    expect(torchErrorOf(() => nn.padPackedSequence(packed, { totalLength: 2 })).code).toBe('ARGUMENT_RANGE');
  });

  it('must be sorted where that is asked', () => {
    expect(torchErrorOf(() => nn.packSequence(sequences)).message).toMatch(/sorted/);
  });

  it('change dtype together with nothing but the data', () => {
    const packed = nn.packSequence(sequences, { enforceSorted: false });
    expect(packed.double().data.dtype).toBe('float64');
    expect(packed.double().batchSizes.dtype).toBe('int64');
    expect(packed.float()).toBe(packed);
  });

  it('give recurrent layers the last state of each, in the order given', () => {
    const gru = new nn.GRU(1, 2);
    const inputs = sequences.map((one) => one.unsqueeze(1));
    const [, together] = gru.forward(nn.packSequence(inputs, { enforceSorted: false }));
    inputs.forEach((one, i) => {
      const [, alone] = gru.forward(one.unsqueeze(1));
      expect(torch.allclose(alone.select(1, 0), together.select(1, i), 1e-5, 1e-6)).toBe(true);
    });
  });
});

describe('recurrent layers', () => {
  it('refuse inputs and states of the wrong shape', () => {
    const lstm = new nn.LSTM(3, 4);
    expect(torchErrorOf(() => lstm.forward(torch.zeros([2, 1, 5]))).code).toBe('SHAPE_MISMATCH');
    expect(
      torchErrorOf(() => lstm.forward(torch.zeros([2, 1, 3]), [torch.zeros([1, 2, 4]), torch.zeros([1, 1, 4])]))
        .message,
    ).toMatch(/\[1, 1, 4\], got \[1, 2, 4\]/);
    expect(torchErrorOf(() => new nn.LSTM(3, 4, { projSize: 4 })).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => new nn.GRU(3, 4, { dropout: 2 })).code).toBe('ARGUMENT_RANGE');
    expect(torchErrorOf(() => new nn.RNN(3, 4, { nonlinearity: 'sine' as 'tanh' })).code).toBe('ARGUMENT_TYPE');
    expect(torchErrorOf(() => new nn.GRUCell(3, 4).forward(torch.zeros([1, 1, 3]))).code).toBe('SHAPE_MISMATCH');
  });
});
