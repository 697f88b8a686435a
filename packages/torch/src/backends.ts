import { native } from './native.js';
import { getCudnnBenchmark, setCudnnBenchmark } from './runtime.js';

/** A switch of the engine, for the whole process. */
const switchOf = (name: string) => ({
  get: (): boolean => native.backendSwitch(name),
  set: (flag: boolean): void => native.setBackendSwitch(name, flag),
});
const switches = {
  mkldnn: switchOf('mkldnn.enabled'),
  cudnn: switchOf('cudnn.enabled'),
  deterministic: switchOf('cudnn.deterministic'),
  cudnnTf32: switchOf('cudnn.allowTf32'),
  matmulTf32: switchOf('cuda.matmul.allowTf32'),
};

const info = (name: string) => ({
  /** Whether this libtorch has it, and, for a device, whether one is here. */
  isAvailable: (): boolean => native.hasBackend(name),
});

/** What this libtorch was built with, and its switches, as `torch.backends`. */
export const backends = {
  /** Intel's math kernels. */
  mkl: info('mkl'),
  /** oneDNN, which runs convolutions and the like on the CPU. */
  mkldnn: {
    ...info('mkldnn'),
    get enabled(): boolean {
      return switches.mkldnn.get();
    },
    set enabled(flag: boolean) {
      switches.mkldnn.set(flag);
    },
  },
  openmp: info('openmp'),
  lapack: info('lapack'),
  mps: info('mps'),
  cuda: {
    ...info('cuda'),
    matmul: {
      /** Products of float32 matrices by way of TensorFloat-32: faster, three decimal digits; default false. */
      get allowTf32(): boolean {
        return switches.matmulTf32.get();
      },
      set allowTf32(flag: boolean) {
        switches.matmulTf32.set(flag);
      },
    },
  },
  cudnn: {
    ...info('cudnn'),
    get enabled(): boolean {
      return switches.cudnn.get();
    },
    set enabled(flag: boolean) {
      switches.cudnn.set(flag);
    },
    /** See `setCudnnBenchmark`. */
    get benchmark(): boolean {
      return getCudnnBenchmark();
    },
    set benchmark(flag: boolean) {
      setCudnnBenchmark(flag);
    },
    get deterministic(): boolean {
      return switches.deterministic.get();
    },
    set deterministic(flag: boolean) {
      switches.deterministic.set(flag);
    },
    get allowTf32(): boolean {
      return switches.cudnnTf32.get();
    },
    set allowTf32(flag: boolean) {
      switches.cudnnTf32.set(flag);
    },
  },
};

export type MatmulPrecision = 'highest' | 'high' | 'medium';

/** How exact products of float32 matrices are on devices that can trade that for speed; default `highest`. */
export const getFloat32MatmulPrecision = (): MatmulPrecision => native.matmulPrecision() as MatmulPrecision;
export const setFloat32MatmulPrecision = (precision: MatmulPrecision): void => native.setMatmulPrecision(precision);

/** Takes numbers too small for full precision for zero on the CPU; gives whether this processor can. */
export const setFlushDenormal = (flag: boolean): boolean => native.setFlushDenormal(flag);
