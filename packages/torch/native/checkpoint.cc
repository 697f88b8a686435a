// Activation checkpointing: what the steps inside a checkpoint save is not kept. The first of them that needs its tensor
// in the backward runs the function again, and what is saved this time is handed out, each tensor once.
//
// A frame is one call of a checkpointed function. It belongs to the steps it recorded and is freed with the last of them.

#include "checkpoint.h"

#include <ATen/core/grad_mode.h>
#include <c10/util/intrusive_ptr.h>
#include <torch/csrc/autograd/saved_variable.h>

#include <string>

#include "environment.h"
#include "heldFunction.h"

namespace lt {

using torch::autograd::SavedVariable;
using torch::autograd::SavedVariableHooks;

namespace {

struct Slot {
  std::string description;  // dtype, shape and device: the second run must save the same
  at::Tensor value;         // there between the second run and its use
  bool wanted = true;       // the step that saved it is still there
};

struct Frame {
  explicit Frame(std::unique_ptr<HeldFunction> recompute) : recompute(std::move(recompute)) {}
  std::vector<SavedVariable> inputs;
  std::unique_ptr<HeldFunction> recompute;  // (inputs) => void: runs the function again
  std::vector<Slot> slots;
  bool complete = false;
};

/// What saving does now on this thread.
struct Mode {
  std::shared_ptr<Frame> frame;
  bool refilling;
  size_t next;
};
thread_local std::vector<Mode> modes;

std::string describe(const at::Tensor& tensor) { return describeTensor(tensor) + " on " + tensor.device().str(); }

CodedError differs(const std::string& what) {
  return CodedError("CHECKPOINT", "a checkpointed function did not do the same when it was run again: " + what +
                                      ". It must depend on nothing but its inputs, parameters and random numbers (keep preserveRngState on).");
}

/// A tensor saved by the second run. The frame owns it where the first run's step still wants it, the hook otherwise: the
/// function may run a backward of its own, which uses these.
struct RefilledTensor final : SavedVariableHooks {
  void call_pack_hook(const at::Tensor& tensor) override {
    Mode& mode = modes.back();
    Frame& frame = *mode.frame;
    const size_t index = mode.next++;
    const at::Tensor plain = tensor.detach();
    if (index >= frame.slots.size()) {
      if (frame.complete) throw differs("it saved more than the " + std::to_string(frame.slots.size()) + " tensors of the first time, beginning with " + describe(tensor));
      own = plain;
      return;
    }
    Slot& slot = frame.slots[index];
    if (slot.description != describe(tensor))
      throw differs("tensor " + std::to_string(index) + " that it saved was " + slot.description + " and is now " + describe(tensor));
    if (slot.wanted) {
      slot.value = plain;
      shared = plain.getIntrusivePtr();
    } else {
      own = plain;
    }
  }
  at::Tensor call_unpack_hook() override {
    if (own.defined()) return own;
    auto alive = shared.lock();
    if (!alive) throw CodedError("CHECKPOINT", "backward reached a tensor of a function that was run again for its checkpoint; use what the first run returned");
    return at::Tensor(alive);
  }
  at::Tensor own;
  c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl> shared{c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>()};
};

void runAgain(const std::shared_ptr<Frame>& frame) {
  std::vector<at::Tensor> inputs;
  for (const SavedVariable& input : frame->inputs) inputs.push_back(input.unpack());
  for (Slot& slot : frame->slots) slot.value.reset();
  struct Entered {
    explicit Entered(const std::shared_ptr<Frame>& frame) { modes.push_back({frame, true, 0}); }
    ~Entered() { modes.pop_back(); }
  };
  size_t saved = 0;
  try {
    Entered entered(frame);
    at::AutoGradMode recording(true);
    frame->recompute->call([&](napi_env env) { return std::vector<napi_value>{fromTensors(env, inputs)}; }, [](napi_env, napi_value) { return 0; });
    saved = modes.back().next;
  } catch (...) {
    for (Slot& slot : frame->slots) slot.value.reset();
    throw;
  }
  if (saved < frame->slots.size())
    throw differs("it saved " + std::to_string(saved) + " tensors, the first time " + std::to_string(frame->slots.size()));
}

/// A tensor saved by the first run, of which only the place is kept.
struct ForgottenTensor final : SavedVariableHooks {
  explicit ForgottenTensor(std::shared_ptr<Frame> frame) : frame(std::move(frame)) {}
  ~ForgottenTensor() override {
    if (index >= frame->slots.size()) return;
    frame->slots[index].wanted = false;
    frame->slots[index].value.reset();
  }
  void call_pack_hook(const at::Tensor& tensor) override {
    index = frame->slots.size();
    frame->slots.push_back({describe(tensor), at::Tensor(), true});
  }
  at::Tensor call_unpack_hook() override {
    if (!frame->slots[index].value.defined()) runAgain(frame);
    return std::move(frame->slots[index].value);
  }
  std::shared_ptr<Frame> frame;
  size_t index = SIZE_MAX;
};

}  // namespace

std::unique_ptr<SavedVariableHooks> checkpointHooks() {
  if (modes.empty()) return nullptr;
  if (modes.back().refilling) return std::make_unique<RefilledTensor>();
  return std::make_unique<ForgottenTensor>(modes.back().frame);
}

/// enterCheckpoint(inputs, recompute): from here on nothing that is saved is kept
static napi_value enterCheckpoint(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  auto frame = std::make_shared<Frame>(std::make_unique<HeldFunction>(env, args[1]));
  // Saved as a step of the graph would: checked against changes in place, and forgotten by a checkpoint around this one.
  for (const at::Tensor& input : toTensors(env, args[0])) frame->inputs.emplace_back(input, false);
  modes.push_back({std::move(frame), false, 0});
  return undefined(env);
}

static napi_value leaveCheckpoint(napi_env env, napi_callback_info) {
  if (modes.empty()) return undefined(env);
  modes.back().frame->complete = true;
  modes.pop_back();
  return undefined(env);
}

void initCheckpoint(napi_env env, napi_value exports) {
  define(env, exports, "enterCheckpoint", guarded<enterCheckpoint>);
  define(env, exports, "leaveCheckpoint", guarded<leaveCheckpoint>);
}

}  // namespace lt
