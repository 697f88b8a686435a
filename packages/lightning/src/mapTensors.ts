import { type Device, Tensor } from '@lightning-ts/torch';

/** Something that can be moved by itself, such as a batch class of the user's. */
interface Movable {
  to(device: Device): unknown;
}

/**
 * A batch with every tensor in it replaced. Arrays, Maps and plain objects are walked through.
 *
 * @param movable what becomes of objects with a `to` method; default: they stay
 */
export function mapTensors<Batch>(
  batch: Batch,
  change: (tensor: Tensor) => Tensor,
  movable: (value: Movable) => unknown = (value) => value,
): Batch {
  const walk = (value: unknown): unknown => {
    if (typeof value !== 'object' || value === null) return value;
    if (value instanceof Tensor) return change(value);
    if (typeof (value as Partial<Movable>).to === 'function') return movable(value as Movable);
    if (Array.isArray(value)) return value.map(walk);
    if (value instanceof Map) return new Map([...value].map(([key, item]) => [key, walk(item)]));
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== Object.prototype && prototype !== null) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item)]));
  };
  return walk(batch) as Batch;
}
