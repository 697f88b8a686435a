// c10d's reducer for data-parallel training: it watches the gradients of a backward pass, reduces them between the
// processes in buckets while the rest of the pass still runs, and puts the averages in their place.

#include "c10d.h"

#include "../environment.h"
#include "../graphNode.h"
#include "../heldFunction.h"
#include "../values.h"

#ifdef LT_C10D

#include <c10/core/GradMode.h>
#include <c10/util/Exception.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include "background.h"
#include "group.h"
#include "pending.h"

namespace lt {

using torch::autograd::variable_list;

namespace {

struct ReducerBox {
  const BoxKind kind = BoxKind::kReducer;
  std::shared_ptr<c10d::Reducer> reducer;
  c10::intrusive_ptr<c10d::ProcessGroup> group;
  CallSite site;
};

ReducerBox& reducerArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  if (typeOf(env, value) == napi_external) check(env, napi_get_value_external(env, value, &data));
  auto* box = static_cast<ReducerBox*>(data);
  if (box == nullptr || box->kind != BoxKind::kReducer) throw CodedError("ARGUMENT_TYPE", "expected a reducer");
  if (!box->reducer) throw CodedError("DISTRIBUTED_NOT_INITIALIZED", "this DistributedDataParallel was disposed");
  return *box;
}

void finalizeReducer(napi_env, void* data, void*) {
  auto* box = static_cast<ReducerBox*>(data);
  if (isClosing()) {
    // The group's threads may still run; so may what they call back.
    new std::shared_ptr<c10d::Reducer>(std::move(box->reducer));
    (void)box->group.release();
  }
  delete box;
}

/// Calls into the reducer: its complaints come under a code of their own.
template <typename Fn>
auto describingReducer(const ReducerBox& box, Fn fn) -> decltype(fn()) {
  try {
    return fn();
  } catch (const PendingJsException&) {
    throw;
  } catch (...) {
    Described error = describeCurrentException();
    if (error.code.rfind("DISTRIBUTED", 0) == 0) throw;
    throw CodedError("DISTRIBUTED_REDUCER", error.message, contextOf(box.site));
  }
}

/// Keeps what libtorch would print on stderr, for TypeScript to say in words of ours.
class KeptWarning final : public c10::WarningHandler {
 public:
#if TORCH_VERSION_MAJOR >= 2
  void process(const c10::Warning& warning) override { text = warning.msg(); }
#else
  void process(const c10::SourceLocation&, const std::string& message, bool) override { text = message; }
#endif
  std::string text;
};
#if TORCH_VERSION_MAJOR >= 2
using WarningGuard = c10::WarningUtils::WarningHandlerGuard;
#else
using WarningGuard = c10::Warning::WarningHandlerGuard;
#endif

at::Tensor tensorOf(const c10::IValue& value) { return value.isTensor() ? value.toTensor() : value.toTensorVector().at(0); }

/// Gradients travel as a shorter type: divided first, so that the sum does not overflow, and widened where they arrive.
class CompressHook final : public c10d::CommHookInterface {
 public:
  CompressHook(c10::intrusive_ptr<c10d::ProcessGroup> group, at::ScalarType type) : group_(std::move(group)), type_(type) {}

  FuturePtr runHook(c10d::GradBucket& bucket) override {
    c10::NoGradGuard noGrad;
    at::Tensor buffer = bucket.getBuffer();
    at::Tensor compressed = buffer.to(type_);
    compressed.div_(group_->getSize());
    std::vector<at::Tensor> tensors{compressed};
    WorkPtr work = group_->allreduce(tensors);
    auto result = c10::make_intrusive<c10::ivalue::Future>(c10::TensorType::get());
    work->getFuture()->addCallback([result, buffer, compressed](c10::ivalue::Future& future) mutable {
      if (future.hasError()) {
        result->setError(future.exception_ptr());
        return;
      }
      c10::NoGradGuard noGrad;
      buffer.copy_(compressed);
      result->markCompleted(c10::IValue(buffer));
    });
    return result;
  }
  at::Tensor parseHookResult(const c10::IValue& result) override { return tensorOf(result); }

 private:
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  at::ScalarType type_;
};

/// A hook in TypeScript. `start` begins a bucket's communication and returns its work, or null when there is nothing to
/// wait for; `finish` gives the bucket's result once the work has ended. Both run on the JS thread, inside backward.
class ScriptedHook final : public c10d::CommHookInterface {
 public:
  ScriptedHook(napi_env env, napi_value start, napi_value finish) : start_(env, start), finish_(env, finish) {}

  FuturePtr runHook(c10d::GradBucket& bucket) override {
    const auto index = static_cast<int64_t>(bucket.getIndex());
    FuturePtr work = start_.call(
        [&](napi_env env) {
          return std::vector<napi_value>{fromInt64(env, index), fromBool(env, bucket.isLast()), wrapTensor(env, bucket.getBuffer()),
                                         fromTensors(env, bucket.getGradients()), fromTensors(env, bucket.getParameters())};
        },
        [](napi_env env, napi_value value) { return isNullish(env, value) ? FuturePtr() : futureArgument(env, value); });
    // The result is made on the JS thread at the end of backward; until then the bucket's number stands for it.
    auto result = c10::make_intrusive<c10::ivalue::Future>(c10::IntType::get());
    if (!work) {
      result->markCompleted(c10::IValue(index));
      return result;
    }
    work->addCallback([result, index](c10::ivalue::Future& future) {
      if (future.hasError())
        result->setError(future.exception_ptr());
      else
        result->markCompleted(c10::IValue(index));
    });
    return result;
  }
  at::Tensor parseHookResult(const c10::IValue& result) override {
    return finish_.call([&](napi_env env) { return std::vector<napi_value>{fromInt64(env, result.toInt())}; },
                        [](napi_env env, napi_value value) { return at::Tensor(toTensor(env, value)); });
  }

 private:
  HeldFunction start_;
  HeldFunction finish_;
};

/// Outputs of a forward pass go through it: outputs that the loss does not use then get no gradient instead of keeping
/// their parameters waiting, and a static graph's first pass puts its reductions off to the end.
struct SinkNode final : public torch::autograd::Node {
  variable_list apply(variable_list&& gradients) override {
    if (delayed) {
      torch::autograd::Engine::get_default_engine().queue_callback([reducer = delayed] { reducer->delay_all_reduce(); });
      delayed.reset();
    }
    return std::move(gradients);
  }
  std::string name() const override { return "DistributedDataParallelBackward"; }

  std::shared_ptr<c10d::Reducer> delayed;
};

/// Newer versions know the sizes of buckets, and want to hear of three settings that are off.
template <typename Reducer, typename Group>
std::shared_ptr<Reducer> makeReducer(const std::vector<at::Tensor>& parameters, const std::vector<std::vector<size_t>>& buckets,
                                     const std::vector<size_t>& limits, const Group& group, const std::vector<bool>& expectSparse,
                                     int64_t bucketBytes, bool findUnused, bool bucketView,
                                     const std::unordered_map<size_t, std::string>& names, int64_t firstBucketBytes) {
  if constexpr (std::is_constructible_v<Reducer, decltype(parameters), decltype(buckets), decltype(limits), decltype(group), decltype(expectSparse),
                                        int64_t, bool, bool, decltype(names), int64_t>)
    return std::make_shared<Reducer>(parameters, buckets, limits, group, expectSparse, bucketBytes, findUnused, bucketView, names, firstBucketBytes);
  else
    return std::make_shared<Reducer>(parameters, buckets, group, expectSparse, bucketBytes, findUnused, bucketView, names, firstBucketBytes,
                                     false, false, std::vector<int64_t>{});
}

std::vector<bool> toBools(napi_env env, napi_value array) {
  uint32_t length = 0;
  check(env, napi_get_array_length(env, array, &length));
  std::vector<bool> flags;
  for (uint32_t i = 0; i < length; ++i) {
    napi_value element = nullptr;
    check(env, napi_get_element(env, array, i, &element));
    flags.push_back(toBool(env, element));
  }
  return flags;
}

}  // namespace

/// reducerCreate(group, parameters, expectSparse, names, bucketBytes, firstBucketBytes, findUnused, bucketView, staticGraph)
static napi_value reducerCreate(napi_env env, napi_callback_info info) {
  Arguments<9> args(env, info);
  GroupBox& group = groupArgument(env, args[0]);
  std::vector<at::Tensor> parameters = toTensors(env, args[1]);
  std::vector<bool> expectSparse = toBools(env, args[2]);
  std::unordered_map<size_t, std::string> names;
  for (size_t i = 0; i < parameters.size(); ++i) {
    napi_value name = nullptr;
    check(env, napi_get_element(env, args[3], static_cast<uint32_t>(i), &name));
    names[i] = toString(env, name);
  }
  const int64_t bucketBytes = toInt64(env, args[4]);
  const int64_t firstBucketBytes = toInt64(env, args[5]);
  const bool findUnused = toBool(env, args[6]);
  const bool bucketView = toBool(env, args[7]);
  const bool staticGraph = toBool(env, args[8]);

  auto box = std::make_unique<ReducerBox>();
  box->group = group.group;
  box->site = {"DistributedDataParallel", group.name, group.rank, group.size};
  describingReducer(*box, [&] {
    // Where buckets are made anew after the first backward pass, in the order gradients came, one is enough until then.
    std::vector<size_t> limits = staticGraph || !findUnused
                                     ? std::vector<size_t>{std::numeric_limits<int64_t>::max()}
                                     : std::vector<size_t>{static_cast<size_t>(firstBucketBytes), static_cast<size_t>(bucketBytes)};
    auto [buckets, bucketLimits] = c10d::compute_bucket_assignment_by_size(parameters, limits, expectSparse);
    // Gradients come roughly in the opposite order of the parameters.
    std::reverse(buckets.begin(), buckets.end());
    std::reverse(bucketLimits.begin(), bucketLimits.end());
    box->reducer = makeReducer<c10d::Reducer>(parameters, buckets, bucketLimits, group.group, expectSparse, bucketBytes, findUnused,
                                              bucketView, names, firstBucketBytes);
    if (staticGraph) box->reducer->set_static_graph();
  });
  napi_value external = nullptr;
  check(env, napi_create_external(env, box.get(), finalizeReducer, nullptr, &external));
  box.release();
  return external;
}

/// reducerBeforeForward(reducer): true when buckets were made anew
static napi_value reducerBeforeForward(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  return describingReducer(box, [&] {
    box.reducer->prepare_for_forward();
    return fromBool(env, box.reducer->rebuild_buckets());
  });
}

/// reducerAfterForward(reducer, outputs): outputs are those to look for unused parameters behind, or none; a warning or null
static napi_value reducerAfterForward(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  std::vector<at::Tensor> outputs = isNullish(env, args[1]) ? std::vector<at::Tensor>{} : toTensors(env, args[1]);
  KeptWarning warning;
  describingReducer(box, [&] {
    WarningGuard guard(&warning);
    box.reducer->prepare_for_backward(outputs);
  });
  return warning.text.empty() ? null(env) : fromString(env, warning.text);
}

/// reducerSink(reducer, outputs, delay): the outputs behind a sink
static napi_value reducerSink(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  variable_list outputs = toTensors(env, args[1]);
  auto node = makeNode<SinkNode>();
  node->set_next_edges(torch::autograd::collect_next_edges(outputs));
  if (toBool(env, args[2])) node->delayed = box.reducer;
  for (at::Tensor& output : outputs) {
    output = output.detach();
    torch::autograd::set_history(output, node);
  }
  return fromTensors(env, outputs);
}

/// reducerCompress(reducer, dtype)
static napi_value reducerCompress(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  describingReducer(box, [&] { box.reducer->register_comm_hook(std::make_unique<CompressHook>(box.group, dtypeFromName(toString(env, args[1])))); });
  return undefined(env);
}

/// reducerHook(reducer, start, finish)
static napi_value reducerHook(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  describingReducer(box, [&] { box.reducer->register_comm_hook(std::make_unique<ScriptedHook>(env, args[1], args[2])); });
  return undefined(env);
}

/// reducerDispose(reducer): takes its hooks off the parameters
static napi_value reducerDispose(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  ReducerBox& box = reducerArgument(env, args[0]);
  box.reducer.reset();
  box.group.reset();
  return undefined(env);
}

void initReducer(napi_env env, napi_value exports) {
  define(env, exports, "reducerCreate", guarded<reducerCreate>);
  define(env, exports, "reducerBeforeForward", guarded<reducerBeforeForward>);
  define(env, exports, "reducerAfterForward", guarded<reducerAfterForward>);
  define(env, exports, "reducerSink", guarded<reducerSink>);
  define(env, exports, "reducerCompress", guarded<reducerCompress>);
  define(env, exports, "reducerHook", guarded<reducerHook>);
  define(env, exports, "reducerDispose", guarded<reducerDispose>);
}

}  // namespace lt

#else

namespace lt {
void initReducer(napi_env, napi_value) {}
}  // namespace lt

#endif
