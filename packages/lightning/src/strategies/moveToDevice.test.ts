import { Device, ones, Tensor } from '@lightning-ts/torch';
import { expect, test } from 'vitest';
import { mapTensors } from '../mapTensors.js';
import { moveToDevice } from './moveToDevice.js';

test('every tensor in arrays, maps and objects is changed, and the containers stay what they are', () => {
  class Meta {
    readonly note = ones(1);
  }
  const meta = new Meta();
  const batch = { pair: [ones(1), 'label'] as const, map: new Map([['x', ones(1)]]), meta, nothing: null };
  const doubled = mapTensors(batch, (tensor) => tensor.mul(2));
  expect((doubled.pair[0] as Tensor).item()).toBe(2);
  expect(doubled.pair[1]).toBe('label');
  expect(doubled.map.get('x')!.item()).toBe(2);
  expect([doubled.meta === meta, doubled.nothing]).toEqual([true, null]);
  expect(batch.pair[0].item()).toBe(1);
});

test('an object that can move itself is asked to', () => {
  const moved: string[] = [];
  const own = {
    to(device: Device): void {
      moved.push(String(device));
    },
  };
  const batch = [own, ones(2)] as const;
  const result = moveToDevice(batch, new Device('cpu'));
  expect(moved).toEqual(['cpu']);
  expect([result[0] === own, result[1] instanceof Tensor]).toEqual([true, true]);
});
