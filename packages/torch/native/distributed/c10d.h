#pragma once
// PyTorch's communication library, as far as this libtorch has it: LT_C10D says that it is there, HAVE_GLOO (from CMake)
// that its backend for CPUs is, HAVE_NCCL the one for CUDA. In libtorch 2 a process group holds one backend for each
// kind of device; in 1.x it is the backend.

#include <torch/version.h>

#if __has_include(<torch/csrc/distributed/c10d/ProcessGroup.hpp>)
#define LT_C10D 1

// The headers' classes must have the layout they have in the library.
#ifndef USE_DISTRIBUTED
#define USE_DISTRIBUTED
#endif
#ifndef USE_RPC
#define USE_RPC
#endif
#ifndef USE_TENSORPIPE
#define USE_TENSORPIPE
#endif
#if defined(HAVE_GLOO) && !defined(USE_C10D_GLOO)
#define USE_C10D_GLOO
#endif
#if defined(HAVE_NCCL) && !defined(USE_C10D_NCCL)
#define USE_C10D_NCCL
#endif

#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/Store.hpp>
#include <torch/csrc/distributed/c10d/Types.hpp>
#include <torch/csrc/distributed/c10d/Work.hpp>
#if TORCH_VERSION_MAJOR >= 2
#include <torch/csrc/distributed/c10d/Backend.hpp>
#endif

namespace lt {

#if TORCH_VERSION_MAJOR >= 2
using C10dBackend = c10d::Backend;
#else
using C10dBackend = c10d::ProcessGroup;
#endif

using WorkPtr = c10::intrusive_ptr<c10d::Work>;
using FuturePtr = c10::intrusive_ptr<c10::ivalue::Future>;

}  // namespace lt

#endif
