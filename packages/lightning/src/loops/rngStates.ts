import { type Device, getRngState, setRngState, type Tensor } from '@lightning-ts/torch';

/** The states of the default generators that a run draws from, by the kind of device. */
export interface RngStates {
  cpu: Tensor;
  [kind: string]: Tensor;
}

export function captureRng(device: Device): RngStates {
  return device.type === 'cpu' ? { cpu: getRngState() } : { cpu: getRngState(), [device.type]: getRngState(device) };
}

/** A file from another kind of device says nothing of this one's generator. */
export function restoreRng(states: RngStates, device: Device): void {
  const own = states[device.type];
  if (device.type !== 'cpu' && own !== undefined) setRngState(own.cpu(), device);
  setRngState(states.cpu);
}
