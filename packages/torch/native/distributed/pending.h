#pragma once
// Collectives under way. Each one is a future that ends in one of four ways: done, failed, past its deadline, or
// interrupted because another rank is known to have failed. Whoever waits, JavaScript or c10d's reducer, sees the same.

#include "c10d.h"

#ifdef LT_C10D

#include <ATen/core/ivalue.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lt {

/// What an error of a collective names.
struct CallSite {
  std::string collective;  // "allReduce"
  std::string group;       // "default", "group 1"
  int rank = 0;            // in the group
  int size = 1;
};

/// The exception in flight as a CodedError of ours (DISTRIBUTED_ENGINE, or the code it has), naming the call.
std::exception_ptr describedFailure(const CallSite& site, std::exception_ptr error);
std::string contextOf(const CallSite& site);

class Pending : public std::enable_shared_from_this<Pending> {
 public:
  /// Throws when there is an interruption.
  static std::shared_ptr<Pending> start(CallSite site);
  /// Fails by itself after this time: gloo knows one timeout for a whole group only. Set it once.
  void failAfter(std::chrono::milliseconds timeout);
  ~Pending() { claim(); }

  /// Called once if it fails, by whoever makes it fail. Set it before anybody else knows of this.
  std::function<void(std::exception_ptr)> onFailure;

  /// Only the first of these counts.
  void succeed(std::vector<at::Tensor> results);
  void fail(std::exception_ptr error);

  bool settled() const { return settled_.load(); }
  const FuturePtr& future() const { return future_; }
  const CallSite& site() const { return site_; }
  std::atomic<int> sourceRank{-1};

 private:
  explicit Pending(CallSite site);
  bool claim();

  CallSite site_;
  FuturePtr future_;
  std::chrono::steady_clock::time_point deadline_{};
  std::atomic<bool> settled_{false};
};

/// The same as c10d knows it.
class PendingWork final : public c10d::Work {
 public:
  explicit PendingWork(std::shared_ptr<Pending> pending) : pending(std::move(pending)) {}
  bool isCompleted() override { return pending->future()->completed(); }
  bool isSuccess() const override { return pending->future()->completed() && !pending->future()->hasError(); }
  std::exception_ptr exception() const override { return pending->future()->exception_ptr(); }
  int sourceRank() const override { return pending->sourceRank.load(); }
  void synchronize() override {}
  bool wait(std::chrono::milliseconds) override;
  FuturePtr getFuture() override { return pending->future(); }

  const std::shared_ptr<Pending> pending;
};

/// Why nothing may wait for other ranks any more: a code and a text that TypeScript makes an error of.
struct Interruption {
  const char* code;
  std::string text;
};
/// Ends everything under way, and all that is started from now on, with this error. Only the first one counts.
void interruptAll(Interruption interruption);
/// Lets collectives run again.
void clearInterruption();
/// Throws the error of an interruption, if there is one.
void checkInterruption(const std::string& context);

}  // namespace lt

#endif
