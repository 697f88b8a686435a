import { native } from './native.js';

/** A place where tensors live: `cpu`, `cuda` with an index, `mps`. */
export class Device {
  readonly type: string;
  /** Which one of several; null where there is only one or the current one is meant. */
  readonly index: number | null;

  constructor(name: string) {
    const [type = '', index] = name.split(':');
    this.type = type;
    this.index = index === undefined ? null : Number(index);
  }

  toString(): string {
    return this.index === null ? this.type : `${this.type}:${this.index}`;
  }

  equals(other: DeviceLike): boolean {
    return String(other) === this.toString();
  }
}

/** A device, or its name: `'cpu'`, `'cuda:1'`. */
export type DeviceLike = Device | string;

const known = new Map<string, Device>();

/** The one `Device` object for a name. */
export function deviceOf(name: string): Device {
  let device = known.get(name);
  if (device === undefined) {
    device = new Device(name);
    known.set(name, device);
  }
  return device;
}

/** The devices this libtorch sees, `cpu` first. */
export const devices = (): string[] => native.listDevices();

export const cuda = {
  isAvailable: (): boolean => devices().some((name) => name.startsWith('cuda')),
  deviceCount: (): number => devices().filter((name) => name.startsWith('cuda')).length,
};
