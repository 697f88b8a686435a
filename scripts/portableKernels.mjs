/**
 * Which kernels the engine's libraries use is decided by the processor, and with it the last bits of sums. Tests and the
 * recording of fixtures ask for those that every x86-64 processor since 2013 has, and for linear algebra on one thread, so
 * that bits can be compared between machines: https://github.com/OpenMathLib/OpenBLAS (OPENBLAS_CORETYPE), oneDNN's and ATen's own documentation.
 */
export const portableKernels =
  process.arch === 'x64'
    ? {
        OPENBLAS_CORETYPE: 'Haswell',
        DNNL_MAX_CPU_ISA: 'AVX2',
        ONEDNN_MAX_CPU_ISA: 'AVX2',
        ATEN_CPU_CAPABILITY: 'avx2',
        OPENBLAS_NUM_THREADS: '1',
      }
    : {};
