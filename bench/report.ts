import { type Measurement, median, type SideName, type SideSummary } from './harness.js';

const peers = ['raw-ts', 'python-torch', 'python-lightning'] as const satisfies SideName[];

/** How a number of the bench is shown: its unit, and what one second (or one MB) is in it. */
export interface Scale {
  unit: string;
  perBase: number;
}

/** The part of a summary that the bench compares. */
export type Quantity = 'seconds' | 'peakRssMb';

/** Ours ÷ theirs: for times the median of the rounds' ratios. */
function ratio(ours: SideSummary, peer: SideSummary, quantity: Quantity): number {
  if (quantity === 'peakRssMb') return ours.peakRssMb / peer.peakRssMb;
  return median(ours.secondsByRound.map((seconds, round) => seconds / peer.secondsByRound[round]!));
}

/** The one line of `--json`; a peer that is absent is null. */
export function jsonLine(
  { bench, sides }: Measurement,
  { unit, perBase }: Scale,
  quantity: Quantity = 'seconds',
): string {
  const ours = sides.ours;
  if (ours === undefined) throw new Error('nothing was measured for our own side');
  const byPeer = <T>(value: (name: (typeof peers)[number]) => T) =>
    Object.fromEntries(peers.map((name) => [name, value(name)]));
  return JSON.stringify({
    bench,
    unit,
    ours: round(ours[quantity] * perBase),
    peers: byPeer((name) => (sides[name] ? round(sides[name][quantity] * perBase) : null)),
    ratios: byPeer((name) => (sides[name] ? round(ratio(ours, sides[name], quantity)) : null)),
    peakRssMb: {
      ours: round(ours.peakRssMb),
      ...byPeer((name) => (sides[name] ? round(sides[name].peakRssMb) : null)),
    },
  });
}

/** A table for people: one row a side, and what the losses say about equality. */
export function table(
  { bench, options, sides }: Measurement,
  { unit, perBase }: Scale,
  quantity: Quantity = 'seconds',
): string {
  const ours = sides.ours!;
  const rows = [['', unit, 'ours ÷ it', 'peak RSS MB']];
  for (const name of ['ours', ...peers] as const) {
    const side = sides[name];
    rows.push(
      side === undefined
        ? [name, 'absent', '', '']
        : [
            name,
            show(side[quantity] * perBase),
            name === 'ours' ? '' : show(ratio(ours, side, quantity)),
            show(side.peakRssMb),
          ],
    );
  }
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))).join('  '),
  );
  const notes = peers.flatMap((name) => {
    const side = sides[name];
    return side !== undefined && side.losses.length > 0 && ours.losses.length > 0
      ? [`losses, ours and ${name}: ${compareLosses(ours.losses, side.losses)}`]
      : [];
  });
  for (const [name, side] of Object.entries(sides)) {
    const extra = Object.entries(side.extra).map(([key, value]) => `${key} ${show(value)}`);
    if (extra.length > 0) notes.push(`${name}: ${extra.join(', ')}`);
  }
  return [
    `${bench} (${options.threads} thread${options.threads === 1 ? '' : 's'}, median of ${options.rounds})`,
    ...lines,
    ...notes,
    '',
  ].join('\n');
}

/** In words: equal bit for bit, or the largest difference. */
export function compareLosses(ours: number[], theirs: number[]): string {
  if (ours.length !== theirs.length) return `${ours.length} losses against ${theirs.length}`;
  const largest = Math.max(...ours.map((loss, index) => Math.abs(loss - theirs[index]!)));
  return largest === 0 ? 'equal bit for bit' : `largest difference ${largest.toExponential(1)}`;
}

/** Prints what was asked for: the table, or exactly one JSON line. */
export function print(measurement: Measurement, scale: Scale, quantity: Quantity = 'seconds'): void {
  process.stdout.write(
    measurement.options.json
      ? `${jsonLine(measurement, scale, quantity)}\n`
      : `\n${table(measurement, scale, quantity)}\n`,
  );
}

const round = (value: number): number => Number(value.toPrecision(4));
const show = (value: number): string =>
  Math.abs(value) >= 1000 ? value.toFixed(0) : String(Number(value.toPrecision(3)));
