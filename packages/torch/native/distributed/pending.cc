#include "pending.h"

#ifdef LT_C10D

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>

#include "../errors.h"

namespace lt {

namespace {

/// All that is under way in this process. Leaked on purpose: gloo's threads may still use it while the process ends.
struct Registry {
  std::mutex mutex;
  std::unordered_map<Pending*, std::weak_ptr<Pending>> running;
  std::optional<Interruption> interruption;

  std::condition_variable changed;
  std::map<std::pair<std::chrono::steady_clock::time_point, Pending*>, std::weak_ptr<Pending>> deadlines;
  bool hasTimer = false;
};

Registry& registry() {
  static Registry* made = new Registry();
  return *made;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (char c : text) {
    if (c == '"' || c == '\\')
      (result += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20)
      result += ' ';
    else
      result += c;
  }
  return result;
}

std::exception_ptr interrupted(const std::string& context, const Interruption& interruption) {
  return std::make_exception_ptr(CodedError(interruption.code, interruption.text, context));
}

/// Ends what is past its deadline.
void runTimer() {
  Registry& all = registry();
  std::unique_lock<std::mutex> lock(all.mutex);
  for (;;) {
    if (all.deadlines.empty()) {
      all.changed.wait(lock);
      continue;
    }
    const auto first = all.deadlines.begin();
    const auto deadline = first->first.first;
    if (std::chrono::steady_clock::now() < deadline) {
      all.changed.wait_until(lock, deadline);
      continue;
    }
    std::shared_ptr<Pending> pending = first->second.lock();
    all.deadlines.erase(first);
    if (!pending) continue;
    lock.unlock();
    pending->fail(std::make_exception_ptr(CodedError("DISTRIBUTED_TIMEOUT", "the time given to this call is over", contextOf(pending->site()))));
    pending.reset();
    lock.lock();
  }
}

}  // namespace

std::string contextOf(const CallSite& site) {
  return "{\"collective\":\"" + escaped(site.collective) + "\",\"group\":\"" + escaped(site.group) + "\",\"rank\":" + std::to_string(site.rank) +
         ",\"size\":" + std::to_string(site.size) + "}";
}

std::exception_ptr describedFailure(const CallSite& site, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const PendingJsException&) {
    return error;
  } catch (...) {
    Described described = describeCurrentException();
    if (described.code.rfind("DISTRIBUTED", 0) == 0) return error;
    return std::make_exception_ptr(CodedError("DISTRIBUTED_ENGINE", described.message, contextOf(site)));
  }
}

Pending::Pending(CallSite site)
    : site_(std::move(site)), future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()))) {}

std::shared_ptr<Pending> Pending::start(CallSite site) {
  std::shared_ptr<Pending> made(new Pending(std::move(site)));
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (all.interruption) std::rethrow_exception(interrupted(contextOf(made->site_), *all.interruption));
  all.running.emplace(made.get(), made);
  return made;
}

void Pending::failAfter(std::chrono::milliseconds timeout) {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (settled_.load()) return;
  deadline_ = std::chrono::steady_clock::now() + timeout;
  all.deadlines.emplace(std::make_pair(deadline_, this), weak_from_this());
  if (!all.hasTimer) {
    all.hasTimer = true;
    std::thread(runTimer).detach();
  }
  all.changed.notify_one();
}

bool Pending::claim() {
  if (settled_.exchange(true)) return false;
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.running.erase(this);
  if (deadline_ != std::chrono::steady_clock::time_point{}) all.deadlines.erase({deadline_, this});
  return true;
}

void Pending::succeed(std::vector<at::Tensor> results) {
  if (claim()) future_->markCompleted(c10::IValue(std::move(results)));
}

void Pending::fail(std::exception_ptr error) {
  if (!claim()) return;
  std::exception_ptr described = describedFailure(site_, error);
  future_->setError(described);
  if (onFailure) onFailure(described);
}

bool PendingWork::wait(std::chrono::milliseconds) {
  const FuturePtr& future = pending->future();
  future->wait();
  if (future->hasError()) std::rethrow_exception(future->exception_ptr());
  return true;
}

void interruptAll(Interruption interruption) {
  Registry& all = registry();
  std::vector<std::shared_ptr<Pending>> running;
  {
    std::lock_guard<std::mutex> lock(all.mutex);
    if (all.interruption) return;
    all.interruption = interruption;
    for (auto& entry : all.running)
      if (auto pending = entry.second.lock()) running.push_back(std::move(pending));
  }
  for (auto& pending : running) pending->fail(interrupted(contextOf(pending->site()), interruption));
}

void clearInterruption() {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.interruption.reset();
}

void checkInterruption(const std::string& context) {
  Registry& all = registry();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (all.interruption) std::rethrow_exception(interrupted(context, *all.interruption));
}

}  // namespace lt

#endif
