import { join } from 'node:path';
import { Tensor } from '@lightning-ts/torch';
import { type CheckpointTemplate, fillCheckpointTemplate, type NameValue } from './checkpointName.js';

/** How names and files are put together. */
export interface PathStyle {
  readonly joinChar: string;
  readonly equalsChar: string;
  readonly extension: string;
  readonly startingVersion: number;
  readonly autoInsertMetricName: boolean;
}

/** A name from a pattern and values. @param prefix put before it */
export function checkpointName(
  template: CheckpointTemplate,
  values: ReadonlyMap<string, NameValue>,
  style: PathStyle,
  prefix = '',
): string {
  const name = fillCheckpointTemplate(template, values, style);
  return prefix === '' ? name : `${prefix}${style.joinChar}${name}`;
}

/** The file of a name, with its version if it has one. */
export function checkpointFile(directory: string, name: string, version: number | null, style: PathStyle): string {
  const file = version === null ? name : `${name}${style.joinChar}v${version}`;
  return join(directory, `${file}${style.extension}`);
}

/** The first of `name`, `name-v1`, `name-v2`, ... that is free, or is the file about to be `replaced`. */
export async function freeCheckpointFile(
  directory: string,
  name: string,
  replaced: string | null,
  style: PathStyle,
  exists: (path: string) => Promise<boolean>,
): Promise<string> {
  let path = checkpointFile(directory, name, null, style);
  for (let version = style.startingVersion; path !== replaced && (await exists(path)); version += 1) {
    path = checkpointFile(directory, name, version, style);
  }
  return path;
}

/** A logged value for a name. `epoch` and `step` count, so they are whole numbers even when they were logged as floats. */
export function nameValue(key: string, value: number | Tensor): NameValue {
  const number = Number(value instanceof Tensor ? value.item() : value);
  if (key === 'epoch' || key === 'step') return { value: Math.trunc(number), isInteger: true };
  const isInteger = value instanceof Tensor ? !value.isFloatingPoint() : Number.isInteger(number);
  return { value: number, isInteger };
}
