// Which forward call recorded the step of the graph that failed. libtorch asks each step for it when its backward fails
// while anomaly mode is on; off, nothing here is ever called.

#include "anomaly.h"

#include <torch/csrc/autograd/function.h>

#include <string>

#include "environment.h"
#include "graphNode.h"
#include "heldFunction.h"

namespace lt {

using torch::autograd::AnomalyMode;
using torch::autograd::Node;

namespace {

struct Report {
  std::string node;
  std::string stack;
  bool ofJs = false;
};

thread_local std::unique_ptr<Report> found;
/// () => the JS stack. Never deleted: a thread's end is too late to touch JS.
thread_local HeldFunction* capture = nullptr;

std::string stackNow() {
  if (capture == nullptr) return "";  // a device's own thread, or one that never asked for this
  return capture->call([](napi_env) { return std::vector<napi_value>{}; }, [](napi_env env, napi_value value) { return toString(env, value); });
}

struct RecordedCall final : torch::autograd::AnomalyMetadata {
  void store_stack() override { stack = stackNow(); }
  void print_stack(const std::string& node) override {
    auto report = std::make_unique<Report>();
    report->node = node;
    report->stack = stack;
    // A step recorded by a backward (createGraph) leads to the step whose backward that was.
    for (NodePtr parent = madeBy; parent;) {
      auto* before = dynamic_cast<RecordedCall*>(parent->metadata());
      if (before == nullptr) break;
      report->stack += "\nin the backward of " + parent->name() + ", recorded by\n" + before->stack;
      parent = before->madeBy;
    }
    found = std::move(report);
  }
  void assign_parent(const NodePtr& parent) override { madeBy = parent; }

  std::string stack;
  NodePtr madeBy;
};

}  // namespace

std::unique_ptr<torch::autograd::AnomalyMetadata> makeAnomalyMetadata() { return std::make_unique<RecordedCall>(); }

AnomalyScope::AnomalyScope() { found.reset(); }
void AnomalyScope::failedInJs() {
  if (found) found->ofJs = true;
}

/// setAnomalyMode(enabled, checkNan, captureStack): [enabled, checkNan] as they were
static napi_value setAnomalyMode(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  if (capture == nullptr && !isNullish(env, args[2])) capture = new HeldFunction(env, args[2]);
  napi_value before = nullptr;
  check(env, napi_create_array_with_length(env, 2, &before));
  check(env, napi_set_element(env, before, 0, fromBool(env, AnomalyMode::is_enabled())));
  check(env, napi_set_element(env, before, 1, fromBool(env, AnomalyMode::should_check_nan())));
  AnomalyMode::set_enabled(toBool(env, args[0]), toBool(env, args[1]));
  return before;
}

static napi_value anomalyMode(napi_env env, napi_callback_info) {
  return fromString(env, !AnomalyMode::is_enabled() ? "off" : AnomalyMode::should_check_nan() ? "checkNan" : "on");
}

/// takeAnomaly(ofJs): [node, stack] of the step that failed in the last backward, once; or null
static napi_value takeAnomaly(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  if (!found || found->ofJs != toBool(env, args[0])) return null(env);
  std::unique_ptr<Report> report = std::move(found);
  napi_value pair = nullptr;
  check(env, napi_create_array_with_length(env, 2, &pair));
  check(env, napi_set_element(env, pair, 0, fromString(env, report->node)));
  check(env, napi_set_element(env, pair, 1, fromString(env, report->stack)));
  return pair;
}

void initAnomaly(napi_env env, napi_value exports) {
  define(env, exports, "setAnomalyMode", guarded<setAnomalyMode>);
  define(env, exports, "anomalyMode", guarded<anomalyMode>);
  define(env, exports, "takeAnomaly", guarded<takeAnomaly>);
}

}  // namespace lt
