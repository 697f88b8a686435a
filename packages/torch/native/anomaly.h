#pragma once

#include <torch/csrc/autograd/anomaly_mode.h>

#include <memory>

namespace lt {

/// What a step of the graph remembers of the call that recorded it, while anomalies are looked for.
std::unique_ptr<torch::autograd::AnomalyMetadata> makeAnomalyMetadata();

/// Around every run of the engine: forgets what an earlier run found, and marks what belongs to an error of JavaScript.
class AnomalyScope {
 public:
  AnomalyScope();
  /// In the handler of an exception that JavaScript threw.
  static void failedInJs();
};

}  // namespace lt
