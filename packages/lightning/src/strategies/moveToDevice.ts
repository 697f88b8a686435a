import type { Device } from '@lightning-ts/torch';
import { mapTensors } from '../mapTensors.js';

/**
 * A batch with every tensor in it on `device`. Arrays, Maps and plain objects are walked through, objects with a `to` method
 * are asked, everything else stays.
 */
export function moveToDevice<Batch>(batch: Batch, device: Device): Batch {
  return mapTensors(
    batch,
    (tensor) => tensor.to(device, { nonBlocking: device.type === 'cuda' }),
    (value) => value.to(device) ?? value,
  );
}
