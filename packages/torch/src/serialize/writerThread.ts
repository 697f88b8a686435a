import { parentPort } from 'node:worker_threads';
import { writeFileAtomicSync } from './atomicWrite.js';
import type { WriteOrder, WriteReply } from './backgroundWriter.js';
import { SerializeError } from './errors.js';
import { type ZipRecord, zipChunks } from './zipWriter.js';

/** The program of the thread behind BackgroundWriter. Knows no tensors: it imports neither them nor the addon. */
parentPort!.on('message', ({ id, path, records, bytes }: WriteOrder) => {
  let error: WriteReply['error'] = null;
  try {
    writeFileAtomicSync(path, zipChunks(slices(records, bytes)));
  } catch (cause) {
    const code = cause instanceof SerializeError ? cause.code : 'WRITE_FAILED';
    const text = cause instanceof Error ? cause.message : String(cause);
    error = { code, message: text.replace(`${code}: `, '') };
  }
  const memory = bytes.buffer as ArrayBuffer;
  parentPort!.postMessage({ id, error, memory } satisfies WriteReply, [memory]);
});

function slices(records: WriteOrder['records'], bytes: Uint8Array): ZipRecord[] {
  let position = 0;
  return records.map(({ name, size }) => {
    const record = bytes.subarray(position, position + size);
    position += size;
    return { name, size, chunks: () => [record] };
  });
}
