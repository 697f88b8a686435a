// libtorch's autograd engine with the two things that it leaves to its users' languages: what a step remembers of the call
// that recorded it (anomaly.cc), and what is done with the tensors that steps save (checkpoint.cc).

#include <torch/csrc/autograd/engine.h>

#include "anomaly.h"
#include "checkpoint.h"
#include "environment.h"

namespace lt {

namespace {

struct ScriptEngine final : torch::autograd::Engine {
  ~ScriptEngine() override { stop(); }
  std::unique_ptr<torch::autograd::AnomalyMetadata> make_anomaly_metadata() override { return makeAnomalyMetadata(); }
  std::unique_ptr<torch::autograd::SavedVariableHooks> get_default_saved_variable_hooks() override { return checkpointHooks(); }
};

torch::autograd::Engine& scriptEngine() {
  static auto* engine = new ScriptEngine();  // leaked: a device's threads may outlive the statics of the process
  return *engine;
}

}  // namespace

void initEngine(napi_env, napi_value) { torch::autograd::set_default_engine_stub(scriptEngine); }

}  // namespace lt
