#include "heldFunction.h"

#include <mutex>

#include "environment.h"

namespace lt {

struct DiscardedReferences {
  std::mutex mutex;
  std::vector<napi_ref> references;

  void deleteAll(napi_env env) {
    std::lock_guard<std::mutex> lock(mutex);
    for (napi_ref reference : references) napi_delete_reference(env, reference);
    references.clear();
  }
};

static std::shared_ptr<DiscardedReferences> discardedOf(napi_env env) {
  auto& slot = environmentOf(env).discarded;
  if (!slot) slot = std::make_shared<DiscardedReferences>();
  return std::static_pointer_cast<DiscardedReferences>(slot);
}

HeldFunction::HeldFunction(napi_env env, napi_value function) : env_(env), thread_(std::this_thread::get_id()), discarded_(discardedOf(env)) {
  discarded_->deleteAll(env);
  check(env, napi_create_reference(env, function, 1, &reference_));
}

HeldFunction::~HeldFunction() {
  std::lock_guard<std::mutex> lock(discarded_->mutex);
  discarded_->references.push_back(reference_);
}

void HeldFunction::requireOwnThread() const {
  if (std::this_thread::get_id() != thread_)
    throw CodedError("AUTOGRAD", "a hook or a TypeScript backward was reached on a device's own thread, which cannot run JavaScript; move that part to the CPU");
}

void deleteDiscardedReferences(napi_env env) { discardedOf(env)->deleteAll(env); }

}  // namespace lt
