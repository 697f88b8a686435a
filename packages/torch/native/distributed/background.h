#pragma once
// Work off the event loop, and promises that any thread may settle.
//
// Not libuv's pool: what waits for another process may wait long, four such waits would stop every file access of the
// program, and Node joins libuv's threads before it exits. These threads are left behind at exit.

#include <node_api.h>

#include <exception>
#include <functional>
#include <memory>

namespace lt {

/// Runs `work` on a thread of ours, at once: there are as many threads as there is work. It must not throw.
void onBackgroundThread(std::function<void()> work);

/// True once every JS environment that made a promise here is on its way out: no time to start threads.
bool isClosing();

/// The other end of a promise. Settle it once, from any thread.
class Deferred {
 public:
  /// What the promise becomes, made on the JS thread.
  using Value = std::function<napi_value(napi_env)>;

  virtual ~Deferred() = default;
  virtual void resolve(Value value) = 0;
  virtual void reject(std::exception_ptr error) = 0;
};

/// A new promise. While it is pending the event loop stays alive, unless it is for somebody who keeps a timer beside it:
/// what waits for another machine may never end.
enum class Loop { kStaysAlive, kMayEnd };
std::shared_ptr<Deferred> makePromise(napi_env env, Loop loop, napi_value* promise);

/// A promise of what `work` returns or throws on a thread of ours.
napi_value promiseOf(napi_env env, Loop loop, std::function<Deferred::Value()> work);

}  // namespace lt
