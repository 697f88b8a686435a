import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';

/** A fresh folder under the system's temporary folder. */
export function temporaryFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'lightning-ts-setup-'));
}

export interface FakeLibtorchOptions {
  version?: string;
  /** Bytes of libc10, in which the ABI is looked for. */
  c10?: string;
  cuda?: boolean;
  /** Leaves out the headers or the libraries. */
  without?: 'headers' | 'libraries';
  libDir?: string;
  /** Further files in the library folder. */
  extraLibraries?: string[];
}

const newAbi = '_ZN3c106detail14torchCheckFailEPKcS2_jRKNSt7__cxx1112basic_stringIcSt11char_traitsIcESaIcEEE';
export const oldAbi = '_ZN3c106detail14torchCheckFailEPKcS2_jRKSs';

export function versionHeader(version: string): string {
  const [major, minor, patch] = version.split('.');
  return `#pragma once\n#define TORCH_VERSION_MAJOR ${major}\n#define TORCH_VERSION_MINOR ${minor}\n#define TORCH_VERSION_PATCH ${patch}\n`;
}

/** The files of a libtorch as far as the search looks at them, by path inside the prefix. */
export function fakeLibtorchFiles({
  version = '2.7.1',
  c10 = newAbi,
  cuda = false,
  without,
  libDir = 'lib',
  extraLibraries = [],
}: FakeLibtorchOptions = {}): Map<string, string> {
  const files = new Map<string, string>();
  if (without !== 'headers') files.set('include/torch/csrc/api/include/torch/version.h', versionHeader(version));
  if (without !== 'libraries') {
    for (const name of ['torch', 'torch_cpu', ...(cuda ? ['torch_cuda', 'c10_cuda'] : [])]) {
      files.set(`${libDir}/lib${name}.so`, `library ${name}`);
    }
    files.set(`${libDir}/libc10.so`, c10);
  }
  for (const name of extraLibraries) files.set(`${libDir}/${name}`, 'library');
  return files;
}

export function writeFakeLibtorch(prefix: string, options: FakeLibtorchOptions = {}): string {
  for (const [name, content] of fakeLibtorchFiles(options)) {
    const file = path.join(prefix, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return prefix;
}

export interface ZipEntry {
  name: string;
  content: string | Buffer;
  /** Unix mode with type bits; a regular file by default. */
  mode?: number;
  stored?: boolean;
  /** Overrides the right CRC-32, to make a damaged entry. */
  crc?: number;
}

/** A zip archive in memory, with deflated entries unless told otherwise. */
export function zipArchive(entries: ZipEntry[]): Buffer {
  const pieces: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, content, mode = 0o100644, stored = false, crc } of entries) {
    const bytes = Buffer.from(content);
    const packed = stored ? bytes : deflateRawSync(bytes);
    const nameBytes = Buffer.from(name);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(stored ? 0 : 8, 4);
    common.writeUInt32LE(crc ?? crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(bytes.length, 18);
    common.writeUInt16LE(nameBytes.length, 22);
    const local = Buffer.concat([signature(0x04034b50), common, nameBytes, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((mode << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([signature(0x02014b50), Buffer.from([20, 3]), common, tail, nameBytes]));
    pieces.push(local);
    offset += local.length;
  }
  const directoryBytes = Buffer.concat(directory);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(entries.length, 4);
  end.writeUInt16LE(entries.length, 6);
  end.writeUInt32LE(directoryBytes.length, 8);
  end.writeUInt32LE(offset, 12);
  return Buffer.concat([...pieces, directoryBytes, signature(0x06054b50), end]);
}

function signature(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}
