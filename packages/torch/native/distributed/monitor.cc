// Interruption: ends what waits for other ranks from outside the event loop, which such waiting may block.
//
// A monitor is a thread that looks into the job's store: for the report of a failure, for the signs of life of the other
// ranks, and whether the store still answers. When it finds something wrong it interrupts every collective.

#include "c10d.h"

#include "../environment.h"
#include "../values.h"

#ifdef LT_C10D

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "pending.h"
#include "quietLog.h"
#include "store.h"

namespace lt {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

namespace {

struct Monitor {
  c10::intrusive_ptr<c10d::Store> store;  // a connection of its own
  std::string failureKey;
  std::string lifePrefix;
  int rank = -1;  // -1: gives no sign of life
  int size = 0;
  milliseconds interval{250};
  milliseconds lost{0};  // 0: never
  std::string lostReport;     // FailureReport as JSON, with %RANK% and %WHAT% to fill in
  std::string unreachableReport;

  std::mutex mutex;
  std::condition_variable changed;
  bool stopped = false;
  Clock::time_point answered = Clock::now();
};

std::string filled(std::string text, const std::string& rank) {
  const size_t at = text.find("\"%RANK%\"");
  if (at != std::string::npos) text.replace(at, 8, rank);
  return text;
}

/// Rank 0 watches the others; a lost rank 0 takes the store with it, which all others see.
class Watch {
 public:
  explicit Watch(Monitor& monitor) : monitor_(monitor) {}

  /// One look. True when it found a failure.
  bool look() {
    c10d::Store& store = *monitor_.store;
    if (store.check({monitor_.failureKey})) {
      const std::vector<uint8_t> report = store.get(monitor_.failureKey);
      interruptAll({"DISTRIBUTED_ABORTED", std::string(report.begin(), report.end())});
      return true;
    }
    if (monitor_.lost.count() == 0 || monitor_.rank < 0) return false;
    store.add(monitor_.lifePrefix + std::to_string(monitor_.rank), 1);
    if (monitor_.rank == 0 && Clock::now() >= nextCount_) {
      nextCount_ = Clock::now() + monitor_.lost / 10;
      countOthers(store);
    }
    return false;
  }

 private:
  void countOthers(c10d::Store& store) {
    for (int rank = 1; rank < monitor_.size; ++rank) {
      const int64_t count = store.add(monitor_.lifePrefix + std::to_string(rank), 0);
      auto& [seen, since] = lives_[rank];
      if (count == 0) continue;  // has not begun
      if (count < 0) continue;   // has left
      if (count != seen) {
        seen = count;
        since = Clock::now();
      } else if (Clock::now() - since > monitor_.lost) {
        const std::string report = filled(monitor_.lostReport, std::to_string(rank));
        store.compareSet(monitor_.failureKey, {}, std::vector<uint8_t>(report.begin(), report.end()));
        return;  // the next look finds it, or an earlier one
      }
    }
  }

  Monitor& monitor_;
  std::map<int, std::pair<int64_t, Clock::time_point>> lives_;
  Clock::time_point nextCount_{};
};

void stop(Monitor& monitor) {
  std::lock_guard<std::mutex> lock(monitor.mutex);
  monitor.stopped = true;
  monitor.changed.notify_all();
}

void runMonitor(std::shared_ptr<Monitor> monitor) {
  Watch watch(*monitor);
  for (;;) {
    try {
      QuietLog quiet;
      if (watch.look()) {
        stop(*monitor);
        return;
      }
    } catch (...) {
      return;  // the store is gone; runWatchdog tells when that lasts too long
    }
    std::unique_lock<std::mutex> lock(monitor->mutex);
    monitor->answered = Clock::now();
    if (monitor->changed.wait_for(lock, monitor->interval, [&] { return monitor->stopped; })) return;
  }
}

/// A look may never end when the link to the store is dead: this thread tells.
void runWatchdog(std::shared_ptr<Monitor> monitor) {
  std::unique_lock<std::mutex> lock(monitor->mutex);
  while (!monitor->changed.wait_for(lock, monitor->interval, [&] { return monitor->stopped; })) {
    if (Clock::now() - monitor->answered <= monitor->lost) continue;
    lock.unlock();
    interruptAll({"DISTRIBUTED_ABORTED", filled(monitor->unreachableReport, "0")});
    return;
  }
}

struct MonitorBox {
  std::shared_ptr<Monitor> monitor;
};

}  // namespace

/// monitorStart(store, failureKey, lifePrefix, rank, size, interval, lost, lostReport, unreachableReport)
static napi_value monitorStart(napi_env env, napi_callback_info info) {
  Arguments<9> args(env, info);
  auto monitor = std::make_shared<Monitor>();
  monitor->store = storeArgument(env, args[0]).store;
  monitor->failureKey = toString(env, args[1]);
  monitor->lifePrefix = toString(env, args[2]);
  monitor->rank = static_cast<int>(toInt64(env, args[3]));
  monitor->size = static_cast<int>(toInt64(env, args[4]));
  monitor->interval = milliseconds(toInt64(env, args[5]));
  monitor->lost = milliseconds(toInt64(env, args[6]));
  monitor->lostReport = toString(env, args[7]);
  monitor->unreachableReport = toString(env, args[8]);
  auto box = std::make_unique<MonitorBox>();
  box->monitor = monitor;
  napi_value external = nullptr;
  const auto finalize = [](napi_env, void* data, void*) {
    std::unique_ptr<MonitorBox> box(static_cast<MonitorBox*>(data));
    stop(*box->monitor);
  };
  check(env, napi_create_external(env, box.get(), finalize, nullptr, &external));
  box.release();
  std::thread(runMonitor, monitor).detach();
  if (monitor->lost.count() > 0) std::thread(runWatchdog, monitor).detach();
  return external;
}

static napi_value monitorStop(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  void* data = nullptr;
  check(env, napi_get_value_external(env, args[0], &data));
  stop(*static_cast<MonitorBox*>(data)->monitor);
  return undefined(env);
}

/// interruptCollectives(reason)
static napi_value interruptCollectives(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  interruptAll({"DISTRIBUTED_ABORTED", toString(env, args[0])});
  return undefined(env);
}

static napi_value resumeCollectives(napi_env env, napi_callback_info) {
  clearInterruption();
  return undefined(env);
}

void initMonitor(napi_env env, napi_value exports) {
  define(env, exports, "monitorStart", guarded<monitorStart>);
  define(env, exports, "monitorStop", guarded<monitorStop>);
  define(env, exports, "interruptCollectives", guarded<interruptCollectives>);
  define(env, exports, "resumeCollectives", guarded<resumeCollectives>);
}

}  // namespace lt

#else

namespace lt {
void initMonitor(napi_env, napi_value) {}
}  // namespace lt

#endif
