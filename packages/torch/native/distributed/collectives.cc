// Collectives and sends: each starts and returns its work. TypeScript has checked shapes and ranks.

#include "c10d.h"

#include "../environment.h"
#include "../values.h"

#ifdef LT_C10D

#include <c10/core/GradMode.h>
#include <torch/csrc/distributed/c10d/comm.hpp>

#include <thread>

#include "background.h"
#include "group.h"
#include "pending.h"

namespace lt {

using c10d::ReduceOp;
using std::chrono::milliseconds;

namespace {

struct WorkBox {
  const BoxKind kind = BoxKind::kWork;
  WorkPtr work;
  CallSite site;
};

WorkBox& workArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  if (typeOf(env, value) == napi_external) check(env, napi_get_value_external(env, value, &data));
  auto* box = static_cast<WorkBox*>(data);
  if (box == nullptr || box->kind != BoxKind::kWork) throw CodedError("ARGUMENT_TYPE", "expected a collective's work");
  return *box;
}

ReduceOp::RedOpType toReduceOp(napi_env env, napi_value value) { return static_cast<ReduceOp::RedOpType>(toInt64(env, value)); }

/// Starts a collective: what c10d throws at once is described like what it throws later.
template <typename Start>
napi_value start(napi_env env, GroupBox& group, const char* collective, napi_value timeout, Start run) {
  try {
    return wrapWork(env, group, collective, run(*group.backend), toDouble(env, timeout));
  } catch (...) {
    std::rethrow_exception(describedFailure({collective, group.name, group.rank, group.size}, std::current_exception()));
  }
}

}  // namespace

napi_value wrapWork(napi_env env, const GroupBox& group, const char* collective, WorkPtr work, double timeoutMs) {
  if (auto* pending = dynamic_cast<PendingWork*>(work.get()); pending != nullptr && timeoutMs > 0)
    pending->pending->failAfter(milliseconds(static_cast<int64_t>(timeoutMs)));
  auto box = std::make_unique<WorkBox>();
  box->work = std::move(work);
  box->site = {collective, group.name, group.rank, group.size};
  napi_value external = nullptr;
  const auto finalize = [](napi_env, void* data, void*) { delete static_cast<WorkBox*>(data); };
  check(env, napi_create_external(env, box.get(), finalize, nullptr, &external));
  box.release();
  return external;
}

FuturePtr futureArgument(napi_env env, napi_value value) { return workArgument(env, value).work->getFuture(); }

// (group, ..., timeout in ms or 0)

static napi_value groupAllReduce(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  std::vector<at::Tensor> tensors{toTensor(env, args[1])};
  c10d::AllreduceOptions options;
  options.reduceOp = toReduceOp(env, args[2]);
  return start(env, groupArgument(env, args[0]), "allReduce", args[3], [&](C10dBackend& backend) { return backend.allreduce(tensors, options); });
}

static napi_value groupAllReduceCoalesced(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  std::vector<at::Tensor> tensors = toTensors(env, args[1]);
  c10d::AllreduceOptions options;
  options.reduceOp = toReduceOp(env, args[2]);
  return start(env, groupArgument(env, args[0]), "allReduce", args[3], [&](C10dBackend& backend) -> WorkPtr {
    if (backend.getBackendName() == "gloo") return backend.allreduce(tensors, options);
    c10d::AllreduceCoalescedOptions coalesced;
    coalesced.reduceOp = options.reduceOp;
    return backend.allreduce_coalesced(tensors, coalesced);
  });
}

static napi_value groupBroadcast(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  std::vector<at::Tensor> tensors{toTensor(env, args[1])};
  c10d::BroadcastOptions options;
  options.rootRank = toInt64(env, args[2]);
  return start(env, groupArgument(env, args[0]), "broadcast", args[3], [&](C10dBackend& backend) { return backend.broadcast(tensors, options); });
}

static napi_value groupReduce(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<at::Tensor> tensors{toTensor(env, args[1])};
  c10d::ReduceOptions options;
  options.rootRank = toInt64(env, args[2]);
  options.reduceOp = toReduceOp(env, args[3]);
  return start(env, groupArgument(env, args[0]), "reduce", args[4], [&](C10dBackend& backend) { return backend.reduce(tensors, options); });
}

static napi_value groupAllGather(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  std::vector<std::vector<at::Tensor>> outputs{toTensors(env, args[1])};
  std::vector<at::Tensor> inputs{toTensor(env, args[2])};
  return start(env, groupArgument(env, args[0]), "allGather", args[3], [&](C10dBackend& backend) { return backend.allgather(outputs, inputs, {}); });
}

static napi_value groupAllGatherIntoTensor(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  at::Tensor output = toTensor(env, args[1]);
  at::Tensor input = toTensor(env, args[2]);
  return start(env, groupArgument(env, args[0]), "allGatherIntoTensor", args[3], [&](C10dBackend& backend) { return backend._allgather_base(output, input, {}); });
}

/// Outputs are null on all ranks but the root.
static napi_value groupGather(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<std::vector<at::Tensor>> outputs;
  if (!isNullish(env, args[1])) outputs.push_back(toTensors(env, args[1]));
  std::vector<at::Tensor> inputs{toTensor(env, args[2])};
  c10d::GatherOptions options;
  options.rootRank = toInt64(env, args[3]);
  return start(env, groupArgument(env, args[0]), "gather", args[4], [&](C10dBackend& backend) { return backend.gather(outputs, inputs, options); });
}

/// Inputs are null on all ranks but the root.
static napi_value groupScatter(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<at::Tensor> outputs{toTensor(env, args[1])};
  std::vector<std::vector<at::Tensor>> inputs;
  if (!isNullish(env, args[2])) inputs.push_back(toTensors(env, args[2]));
  c10d::ScatterOptions options;
  options.rootRank = toInt64(env, args[3]);
  return start(env, groupArgument(env, args[0]), "scatter", args[4], [&](C10dBackend& backend) { return backend.scatter(outputs, inputs, options); });
}

static napi_value groupReduceScatter(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<at::Tensor> outputs{toTensor(env, args[1])};
  std::vector<std::vector<at::Tensor>> inputs{toTensors(env, args[2])};
  c10d::ReduceScatterOptions options;
  options.reduceOp = toReduceOp(env, args[3]);
  return start(env, groupArgument(env, args[0]), "reduceScatter", args[4], [&](C10dBackend& backend) { return backend.reduce_scatter(outputs, inputs, options); });
}

static napi_value groupReduceScatterTensor(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  at::Tensor output = toTensor(env, args[1]);
  at::Tensor input = toTensor(env, args[2]);
  c10d::ReduceScatterOptions options;
  options.reduceOp = toReduceOp(env, args[3]);
  return start(env, groupArgument(env, args[0]), "reduceScatterTensor", args[4], [&](C10dBackend& backend) { return backend._reduce_scatter_base(output, input, options); });
}

/// Splits count rows; empty lists share equally.
static napi_value groupAllToAllSingle(napi_env env, napi_callback_info info) {
  Arguments<6> args(env, info);
  at::Tensor output = toTensor(env, args[1]);
  at::Tensor input = toTensor(env, args[2]);
  std::vector<int64_t> outputSplits = toInt64s(env, args[3]);
  std::vector<int64_t> inputSplits = toInt64s(env, args[4]);
  return start(env, groupArgument(env, args[0]), "allToAllSingle", args[5],
               [&](C10dBackend& backend) { return backend.alltoall_base(output, input, outputSplits, inputSplits, {}); });
}

static napi_value groupAllToAll(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  std::vector<at::Tensor> outputs = toTensors(env, args[1]);
  std::vector<at::Tensor> inputs = toTensors(env, args[2]);
  return start(env, groupArgument(env, args[0]), "allToAll", args[3], [&](C10dBackend& backend) { return backend.alltoall(outputs, inputs, {}); });
}

static napi_value groupBarrier(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  return start(env, groupArgument(env, args[0]), "barrier", args[1], [&](C10dBackend& backend) { return backend.barrier({}); });
}

/// (group, tensor, destination, tag, timeout)
static napi_value groupSend(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<at::Tensor> tensors{toTensor(env, args[1])};
  const int destination = static_cast<int>(toInt64(env, args[2]));
  const int tag = static_cast<int>(toInt64(env, args[3]));
  return start(env, groupArgument(env, args[0]), "send", args[4], [&](C10dBackend& backend) { return backend.send(tensors, destination, tag); });
}

/// (group, tensor, source or -1 for any, tag, timeout)
static napi_value groupRecv(napi_env env, napi_callback_info info) {
  Arguments<5> args(env, info);
  std::vector<at::Tensor> tensors{toTensor(env, args[1])};
  const int source = static_cast<int>(toInt64(env, args[2]));
  const int tag = static_cast<int>(toInt64(env, args[3]));
  return start(env, groupArgument(env, args[0]), "recv", args[4], [&](C10dBackend& backend) {
    return source < 0 ? backend.recvAnysource(tensors, tag) : backend.recv(tensors, source, tag);
  });
}

/// groupBroadcastCoalesced(group, tensors, bufferBytes, root): blocks
static napi_value groupBroadcastCoalesced(napi_env env, napi_callback_info info) {
  Arguments<4> args(env, info);
  GroupBox& group = groupArgument(env, args[0]);
  std::vector<at::Tensor> tensors;
  for (const at::Tensor& tensor : toTensors(env, args[1])) tensors.push_back(tensor.detach());
  try {
    c10::NoGradGuard noGrad;
    c10d::broadcast_coalesced(group.group, tensors, static_cast<size_t>(toInt64(env, args[2])), static_cast<int>(toInt64(env, args[3])));
  } catch (...) {
    std::rethrow_exception(describedFailure({"broadcast", group.name, group.rank, group.size}, std::current_exception()));
  }
  return undefined(env);
}

// ---- works

static napi_value workWait(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  WorkBox& box = workArgument(env, args[0]);
  try {
    box.work->wait();
  } catch (...) {
    std::rethrow_exception(describedFailure(box.site, std::current_exception()));
  }
  return undefined(env);
}

static napi_value workIsCompleted(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromBool(env, workArgument(env, args[0]).work->isCompleted());
}

static napi_value workSourceRank(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  return fromInt64(env, workArgument(env, args[0]).work->sourceRank());
}

/// A promise that follows the work, settled by the thread that ends it.
static napi_value workPromise(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  WorkBox& box = workArgument(env, args[0]);
  napi_value promise = nullptr;
  std::shared_ptr<Deferred> deferred = makePromise(env, Loop::kStaysAlive, &promise);
  if (auto* own = dynamic_cast<PendingWork*>(box.work.get())) {
    own->getFuture()->addCallback([deferred](c10::ivalue::Future& future) {
      if (future.hasError())
        deferred->reject(future.exception_ptr());
      else
        deferred->resolve(nullptr);
    });
    return promise;
  }
  // A device's work has no thread that could tell of its end.
  onBackgroundThread([deferred, work = box.work, site = box.site] {
    try {
      while (!work->isCompleted()) std::this_thread::sleep_for(std::chrono::microseconds(500));
      if (std::exception_ptr error = work->exception()) std::rethrow_exception(error);
      deferred->resolve(nullptr);
    } catch (...) {
      deferred->reject(describedFailure(site, std::current_exception()));
    }
  });
  return promise;
}

void initCollectives(napi_env env, napi_value exports) {
  define(env, exports, "groupAllReduce", guarded<groupAllReduce>);
  define(env, exports, "groupAllReduceCoalesced", guarded<groupAllReduceCoalesced>);
  define(env, exports, "groupBroadcast", guarded<groupBroadcast>);
  define(env, exports, "groupReduce", guarded<groupReduce>);
  define(env, exports, "groupAllGather", guarded<groupAllGather>);
  define(env, exports, "groupAllGatherIntoTensor", guarded<groupAllGatherIntoTensor>);
  define(env, exports, "groupGather", guarded<groupGather>);
  define(env, exports, "groupScatter", guarded<groupScatter>);
  define(env, exports, "groupReduceScatter", guarded<groupReduceScatter>);
  define(env, exports, "groupReduceScatterTensor", guarded<groupReduceScatterTensor>);
  define(env, exports, "groupAllToAllSingle", guarded<groupAllToAllSingle>);
  define(env, exports, "groupAllToAll", guarded<groupAllToAll>);
  define(env, exports, "groupBarrier", guarded<groupBarrier>);
  define(env, exports, "groupBroadcastCoalesced", guarded<groupBroadcastCoalesced>);
  define(env, exports, "groupSend", guarded<groupSend>);
  define(env, exports, "groupRecv", guarded<groupRecv>);
  define(env, exports, "workWait", guarded<workWait>);
  define(env, exports, "workIsCompleted", guarded<workIsCompleted>);
  define(env, exports, "workSourceRank", guarded<workSourceRank>);
  define(env, exports, "workPromise", guarded<workPromise>);
}

}  // namespace lt

#else

namespace lt {
void initCollectives(napi_env, napi_value) {}
}  // namespace lt

#endif
