import { describe, expect, it } from 'vitest';
import { torchErrorOf } from '../test/encodedTensor.js';
import * as torch from './index.js';

describe('storages', () => {
  it('are shared by views, with one id, and not by copies', () => {
    const x = torch.arange(6);
    const view = x.view([2, 3]).at(1);
    expect(view.storageId()).toBe(x.storageId());
    expect([view.storageOffset(), view.stride(), torch.storageByteLength(view)]).toEqual([3, [1], 48]);
    expect(x.clone().storageId()).not.toBe(x.storageId());
  });

  it('are seen as bytes without a copy, whole also under a view', () => {
    const x = torch.arange(4, { dtype: 'int32' });
    const bytes = torch.storageBytes(x.at('2:'));
    expect(bytes.byteLength).toBe(16);
    new Int32Array(bytes.buffer)[1] = 77;
    expect(x.tolist()).toEqual([0, 77, 2, 3]);
    x.fill_(5);
    expect([...new Int32Array(bytes.buffer)]).toEqual([5, 5, 5, 5]);
    expect(torch.storageBytes(torch.empty(0)).byteLength).toBe(0);
  });

  it('are built from bytes with one copy, any strides and offset', () => {
    const bytes = new Uint8Array(new Float32Array([0, 1, 2, 3, 4, 5]).buffer);
    const x = torch.tensorFromStorage(bytes, 'float32', [2, 2], [1, 2], 1);
    expect(x.tolist()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    bytes.fill(0);
    expect(x.tolist()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(torch.storageByteLength(x)).toBe(24);
    const second = torch.asView(x, 'int32', [6], [1]);
    expect(second.storageId()).toBe(x.storageId());
    expect(second.at(1).item()).toBe(0x3f800000);
    second.zero_();
    expect(x.sum().item()).toBe(0);
  });

  it('cannot be viewed beyond their end', () => {
    const x = torch.zeros(4);
    const code = (shape: number[], stride: number[], offset = 0) =>
      torchErrorOf(() => torch.asView(x, 'float32', shape, stride, offset)).code;
    expect(code([5], [1])).toBe('SHAPE_MISMATCH');
    expect(code([2], [1], 3)).toBe('SHAPE_MISMATCH');
    expect(code([2], [1], -1)).toBe('SHAPE_MISMATCH');
    expect(code([-2], [1])).toBe('SHAPE_MISMATCH');
    expect(code([2], [-1], 2)).toBe('SHAPE_MISMATCH');
    expect(code([2], [1, 1])).toBe('SHAPE_MISMATCH');
    expect(code([2 ** 40, 2 ** 40], [2 ** 40, 1])).toBe('SHAPE_MISMATCH');
    expect(torch.asView(x, 'float64', [2], [1]).dtype).toBe('float64');
    expect(torchErrorOf(() => torch.asView(x, 'float64', [3], [1])).code).toBe('SHAPE_MISMATCH');
    expect(torch.asView(x, 'float32', [0, 9], [1, 1]).numel()).toBe(0);
  });
});
