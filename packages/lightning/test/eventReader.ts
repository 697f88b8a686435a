import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A message as it stands in the bytes: field number -> values, unread. */
export type Fields = Map<number, (bigint | Uint8Array)[]>;

/** CRC-32C bit by bit, after the definition. */
function checksum(bytes: Uint8Array): number {
  let crc = 0xffffffffn;
  for (const byte of bytes) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1n ? (crc >> 1n) ^ 0x82f63b78n : crc >> 1n;
  }
  crc ^= 0xffffffffn;
  return Number((((crc >> 15n) | (crc << 17n)) + 0xa282ead8n) & 0xffffffffn);
}

/** The data of each record of a file. Throws when a checksum is wrong or a record is cut off. */
export function readRecords(path: string): Uint8Array[] {
  const file = readFileSync(path);
  const records: Uint8Array[] = [];
  for (let at = 0; at < file.length; ) {
    const length = Number(file.readBigUInt64LE(at));
    if (file.readUInt32LE(at + 8) !== checksum(file.subarray(at, at + 8)))
      throw new Error('wrong checksum of a length');
    const data = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 12 + length) !== checksum(data)) throw new Error('wrong checksum of data');
    records.push(data);
    at += length + 16;
  }
  return records;
}

/** Takes a message apart by the wire format alone. */
export function readFields(bytes: Uint8Array): Fields {
  const fields: Fields = new Map();
  const view = Buffer.from(bytes);
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = view[at++]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < view.length) {
    const key = Number(varint());
    let value: bigint | Uint8Array;
    if ((key & 7) === 0) value = varint();
    else {
      const length = (key & 7) === 1 ? 8 : (key & 7) === 5 ? 4 : Number(varint());
      value = view.subarray(at, at + length);
      at += length;
    }
    const number = key >> 3;
    fields.set(number, [...(fields.get(number) ?? []), value]);
  }
  return fields;
}

export const bytesOf = (fields: Fields, number: number): Buffer => Buffer.from(fields.get(number)![0] as Uint8Array);
export const textOf = (fields: Fields, number: number): string => bytesOf(fields, number).toString();
export const messageOf = (fields: Fields, number: number): Fields => readFields(bytesOf(fields, number));
export const messagesOf = (fields: Fields, number: number): Fields[] =>
  (fields.get(number) ?? []).map((bytes) => readFields(bytes as Uint8Array));
export const doublesOf = (fields: Fields, number: number): number[] => {
  const bytes = bytesOf(fields, number);
  return Array.from({ length: bytes.length / 8 }, (_, index) => bytes.readDoubleLE(index * 8));
};
export const floatsOf = (fields: Fields, number: number): number[] => {
  const bytes = bytesOf(fields, number);
  return Array.from({ length: bytes.length / 4 }, (_, index) => bytes.readFloatLE(index * 4));
};

/** One value of an event file. */
export interface ReadValue {
  readonly tag: string;
  readonly step: number;
  readonly wallTime: number;
  readonly fields: Fields;
}

/** The events of the newest file in a folder: [fields of each event]. */
export function readEvents(directory: string): Fields[] {
  const files = readdirSync(directory)
    .filter((name) => name.startsWith('events.out.tfevents.'))
    .sort();
  return readRecords(join(directory, files.at(-1)!)).map(readFields);
}

/** The summary values in a folder's newest file. */
export function readValues(directory: string): ReadValue[] {
  return readEvents(directory).flatMap((event) => {
    if (!event.has(5)) return [];
    const step = Number((event.get(2)?.[0] as bigint | undefined) ?? 0n);
    return messagesOf(messageOf(event, 5), 1).map((fields) => ({
      tag: textOf(fields, 1),
      step,
      wallTime: bytesOf(event, 1).readDoubleLE(),
      fields,
    }));
  });
}

/** The numbers logged under each tag, by step. */
export function readScalars(directory: string): Record<string, [step: number, value: number][]> {
  const scalars: Record<string, [number, number][]> = {};
  for (const { fields, step, tag } of readValues(directory)) {
    if (!fields.has(2)) continue;
    scalars[tag] ??= [];
    scalars[tag].push([step, bytesOf(fields, 2).readFloatLE()]);
  }
  return scalars;
}
