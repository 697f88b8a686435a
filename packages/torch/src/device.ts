import { native } from './native.js';

/** The kinds of devices. `meta` computes shapes and types only. */
export type DeviceType = 'cpu' | 'cuda' | 'mps' | 'meta';

/** The name of a device: `'cpu'`, `'cuda'`, `'cuda:1'`. */
export type DeviceName = DeviceType | `${DeviceType}:${number}`;

/** A place where tensors live: `cpu`, `cuda` with an index, `mps`. */
export class Device {
  readonly type: DeviceType;
  /** Which one of several; null where there is only one or the current one is meant. */
  readonly index: number | null;

  constructor(name: DeviceName) {
    const [type, index] = name.split(':');
    this.type = type as DeviceType;
    this.index = index === undefined ? null : Number(index);
  }

  toString(): DeviceName {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }

  equals(other: DeviceLike): boolean {
    return String(other) === this.toString();
  }
}

/** A device, or its name: `'cpu'`, `'cuda:1'`. */
export type DeviceLike = Device | DeviceName;

const known = new Map<DeviceName, Device>();

/** The one `Device` object for a name. */
export function deviceOf(like: DeviceLike): Device {
  const name = typeof like === 'string' ? like : like.toString();
  let device = known.get(name);
  if (device === undefined) {
    device = new Device(name);
    known.set(name, device);
  }
  return device;
}

/** The devices this libtorch sees, `cpu` first. */
export const devices = (): DeviceName[] => native.listDevices() as DeviceName[];

export const cuda = {
  isAvailable: (): boolean => devices().some((name) => name.startsWith('cuda')),
  deviceCount: (): number => devices().filter((name) => name.startsWith('cuda')).length,
};
