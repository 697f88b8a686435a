import { workerData } from 'node:worker_threads';
import { BatchWorker } from './batchWorker.js';
import type { ThreadStart } from './messages.js';

// What a worker's thread runs.

const { port, passage } = workerData as ThreadStart;
const worker = new BatchWorker(port, passage);

process.on('uncaughtException', (error) => worker.crash(error));
// The loader says each warning once, however many workers have it.
process.removeAllListeners('warning');
process.on('warning', (warning: Error & { code?: string }) => {
  worker.reply({ type: 'warning', name: warning.name, code: warning.code, message: warning.message });
});
