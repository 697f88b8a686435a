import { warn } from '@lightning-ts/torch';
import { describe } from '../describe.js';
import { LightningError } from '../errors.js';
import type { RowMoment } from '../loggers/logger.js';
import type { LogOptions, XAxis } from '../module/log.js';
import { nearestNames } from '../nearestNames.js';

const units = ['step', 'globalStep', 'batches', 'epoch', 'seconds'] as const;

/**
 * The x-axis that `log` was asked for.
 *
 * @throws LightningError LOG_OPTIONS
 */
export function readXAxis(name: string, { logger, xAxis = 'step' }: LogOptions): XAxis {
  const axis = axisOf(xAxis);
  if (axis === null || (typeof axis === 'object' && axis.metric === name)) {
    throw new LightningError(
      'LOG_OPTIONS',
      `'${name}' was logged with xAxis ${axis === null ? describe(xAxis) : 'that is itself'}. Use ` +
        `${units.map((unit) => `'${unit}'`).join(', ')}, or { metric: 'the name of another logged value' }.`,
    );
  }
  if (axis !== 'step' && logger === false) {
    throw new LightningError(
      'LOG_OPTIONS',
      `'${name}' was logged with an xAxis and logger: false, but only loggers have an x-axis. Leave one out.`,
    );
  }
  return axis;
}

function axisOf(value: unknown): XAxis | null {
  if (typeof value === 'string') return units.find((unit) => unit === value) ?? null;
  const { metric } = (value ?? {}) as { metric?: unknown };
  return typeof metric === 'string' && metric !== '' ? { metric } : null;
}

export const sameAxis = (one: XAxis, other: XAxis): boolean =>
  one === other || (typeof one === 'object' && typeof other === 'object' && one.metric === other.metric);

/** Tells axes apart. */
export const axisKey = (axis: XAxis): string => (typeof axis === 'string' ? axis : `metric ${axis.metric}`);

/** Where a row stands on its axis. */
export interface AxisPosition {
  readonly axis: XAxis;
  readonly x: number;
}

/**
 * Where a row stands on an axis now. While the value that makes the axis has not been logged, it stands by steps.
 *
 * @param valueOf the latest number logged under a name
 * @param names what was logged so far, for the warning
 */
export function positionOn(
  axis: XAxis,
  moment: Omit<RowMoment, 'xAxis'>,
  valueOf: (name: string) => number | undefined,
  names: () => readonly string[],
): AxisPosition {
  if (typeof axis === 'string') return { axis, x: moment[axis] };
  const x = valueOf(axis.metric);
  if (x !== undefined && Number.isFinite(x)) return { axis, x };
  const near = nearestNames(axis.metric, names()).map((name) => `'${name}'`);
  warn(
    'LOG_X_AXIS',
    `The x-axis '${axis.metric}' ${x === undefined ? 'was not logged yet' : `is ${x}`}, so what is shown over it is placed by steps.` +
      `${near.length > 0 ? ` Did you mean ${near.join(' or ')}?` : ` Log it: this.log('${axis.metric}', value).`}`,
  );
  return { axis: 'step', x: moment.step };
}
