import { native } from './native.js';

/** Versions of this package and of the libtorch it runs on. */
export const version = {
  lightningTs: '0.1.0',
  get libtorch(): string {
    return native.libtorchVersion();
  },
};

/** How libtorch was built and which parallel back end it uses, as text. */
export const showConfig = (): string => native.showConfig();

/** Threads that one operator may use. Two spinning threads on a busy machine are slower than one. */
export const setNumThreads = (n: number): void => native.setNumThreads(n);
export const getNumThreads = (): number => native.getNumThreads();

/** Only operators with repeatable results; others throw, or warn with `warnOnly`. */
export const useDeterministicAlgorithms = (enabled: boolean, options: { warnOnly?: boolean } = {}): void =>
  native.setDeterministicAlgorithms(enabled, options.warnOnly ?? false);

/**
 * Whether cuDNN tries its convolution algorithms and keeps the fastest for each input size: faster when sizes stay the same.
 * Has no effect on devices without cuDNN.
 */
export const setCudnnBenchmark = (enabled: boolean): void => native.setCudnnBenchmark(enabled);
export const getCudnnBenchmark = (): boolean => native.getCudnnBenchmark();
