import { defineConfig } from 'vitest/config';
import { portableKernels } from './scripts/portableKernels.mjs';

// The addon holds process-wide state (byte counters, the op table), so every test file gets a process of its own.
export default defineConfig({
  resolve: { conditions: ['@lightning-ts/source'] },
  ssr: { resolve: { conditions: ['@lightning-ts/source'] } },
  test: {
    include: [
      'examples/**/*.test.ts',
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'test/**/*.test.ts',
      'scripts/**/*.test.ts',
    ],
    pool: 'forks',
    env: portableKernels,
    maxWorkers: 2,
    testTimeout: 60_000,
  },
});
