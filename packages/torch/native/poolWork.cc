#include "poolWork.h"

#include <exception>
#include <memory>

#include "errors.h"
#include "values.h"

namespace lt {

namespace {

struct PoolWork {
  std::function<PoolValue()> work;
  PoolValue value;
  std::exception_ptr error;
  napi_ref kept = nullptr;
  napi_deferred deferred = nullptr;
  napi_async_work handle = nullptr;
};

void execute(napi_env, void* data) {
  auto* self = static_cast<PoolWork*>(data);
  try {
    self->value = self->work();
  } catch (...) {
    self->error = std::current_exception();
  }
}

void complete(napi_env env, napi_status status, void* data) {
  std::unique_ptr<PoolWork> self(static_cast<PoolWork*>(data));
  napi_delete_async_work(env, self->handle);
  if (self->kept != nullptr) napi_delete_reference(env, self->kept);
  napi_value result = nullptr;
  try {
    if (status != napi_ok) throw CodedError("ENGINE", "it was cancelled");
    if (self->error != nullptr) std::rethrow_exception(self->error);
    result = self->value(env);
  } catch (...) {
    napi_reject_deferred(env, self->deferred, currentErrorValue(env));
    return;
  }
  napi_resolve_deferred(env, self->deferred, result);
}

}  // namespace

napi_value poolPromise(napi_env env, const char* name, napi_value kept, std::function<PoolValue()> work) {
  auto self = std::make_unique<PoolWork>();
  self->work = std::move(work);
  napi_value promise = nullptr;
  check(env, napi_create_promise(env, &self->deferred, &promise));
  check(env, napi_create_async_work(env, nullptr, fromString(env, name), execute, complete, self.get(), &self->handle));
  if (kept != nullptr) check(env, napi_create_reference(env, kept, 1, &self->kept));
  check(env, napi_queue_async_work(env, self->handle));
  self.release();  // `complete` takes it back
  return promise;
}

}  // namespace lt
