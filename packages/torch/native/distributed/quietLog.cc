#include "quietLog.h"

#include <c10/util/Logging.h>

#include <cstdint>
#include <mutex>

// Glog's own level, in a libtorch that logs through it; c10 has one beside it.
namespace fLI {
extern int32_t FLAGS_minloglevel __attribute__((weak));
}

namespace lt {

namespace {

constexpr int32_t kFatal = 3;

struct Levels {
  std::mutex mutex;
  int quiet = 0;
  int32_t glog = 0;
  int32_t c10 = 0;
};
Levels& levels() {
  static Levels* made = new Levels();
  return *made;
}

}  // namespace

QuietLog::QuietLog() {
  Levels& all = levels();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (all.quiet++ > 0) return;
  all.c10 = FLAGS_caffe2_log_level;
  FLAGS_caffe2_log_level = kFatal;
  if (&fLI::FLAGS_minloglevel == nullptr) return;
  all.glog = fLI::FLAGS_minloglevel;
  fLI::FLAGS_minloglevel = kFatal;
}

QuietLog::~QuietLog() {
  Levels& all = levels();
  std::lock_guard<std::mutex> lock(all.mutex);
  if (--all.quiet > 0) return;
  FLAGS_caffe2_log_level = all.c10;
  if (&fLI::FLAGS_minloglevel != nullptr) fLI::FLAGS_minloglevel = all.glog;
}

}  // namespace lt
