#pragma once

namespace lt {

/// While one of these lives, c10d writes nothing to stderr: what it would write is in the exception it throws.
class QuietLog {
 public:
  QuietLog();
  ~QuietLog();
  QuietLog(const QuietLog&) = delete;
  QuietLog& operator=(const QuietLog&) = delete;
};

}  // namespace lt
