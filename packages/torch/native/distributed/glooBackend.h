#pragma once
// Gloo with its gaps filled. What a gloo of some version lacks is composed here from what every version has:
//
//   bool, bfloat16, int16, complex    moved as another type of the same bytes
//   reductions of bfloat16, int16     in float32, int32
//   reductions of bool                min, max or exclusive or of bytes
//   AVG                               SUM, then a division (integers: cut towards zero)
//   allGatherIntoTensor               allGather into views
//   reduceScatter and the tensor form allToAll, then the reduction where it is wanted
//   allToAll of lists                 allToAll of one buffer
//   tensors that are not contiguous   a copy, and back
//
// Each of them is one exchange, so that they stay in order with other collectives. Every result is a PendingWork.

#include "c10d.h"

#if defined(LT_C10D) && defined(HAVE_GLOO)

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <functional>

#include "pending.h"

namespace lt {

class GlooBackend final : public c10d::ProcessGroupGloo {
 public:
  GlooBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, c10::intrusive_ptr<Options> options, std::string name);

  WorkPtr broadcast(std::vector<at::Tensor>& tensors, const c10d::BroadcastOptions& options) override;
  WorkPtr allreduce(std::vector<at::Tensor>& tensors, const c10d::AllreduceOptions& options) override;
  WorkPtr reduce(std::vector<at::Tensor>& tensors, const c10d::ReduceOptions& options) override;
  WorkPtr allgather(std::vector<std::vector<at::Tensor>>& outputs, std::vector<at::Tensor>& inputs, const c10d::AllgatherOptions& options) override;
  WorkPtr _allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions& options) override;
  WorkPtr gather(std::vector<std::vector<at::Tensor>>& outputs, std::vector<at::Tensor>& inputs, const c10d::GatherOptions& options) override;
  WorkPtr scatter(std::vector<at::Tensor>& outputs, std::vector<std::vector<at::Tensor>>& inputs, const c10d::ScatterOptions& options) override;
  WorkPtr reduce_scatter(std::vector<at::Tensor>& outputs, std::vector<std::vector<at::Tensor>>& inputs, const c10d::ReduceScatterOptions& options) override;
  WorkPtr _reduce_scatter_base(at::Tensor& output, at::Tensor& input, const c10d::ReduceScatterOptions& options) override;
  WorkPtr alltoall_base(at::Tensor& output, at::Tensor& input, std::vector<int64_t>& outputSplits, std::vector<int64_t>& inputSplits,
                        const c10d::AllToAllOptions& options) override;
  WorkPtr alltoall(std::vector<at::Tensor>& outputs, std::vector<at::Tensor>& inputs, const c10d::AllToAllOptions& options) override;
  WorkPtr send(std::vector<at::Tensor>& tensors, int destination, int tag) override;
  WorkPtr recv(std::vector<at::Tensor>& tensors, int source, int tag) override;
  WorkPtr recvAnysource(std::vector<at::Tensor>& tensors, int tag) override;
  WorkPtr barrier(const c10d::BarrierOptions& options) override;

  /// Calls that gloo has not ended. Destroying the group would wait for them.
  int unfinished() const { return unfinished_->load(); }

 private:
  using Finish = std::function<void()>;

  std::shared_ptr<Pending> begin(const char* collective);
  /// Ties `pending` to gloo's work; `finish` turns what gloo brought into the results.
  WorkPtr track(std::shared_ptr<Pending> pending, WorkPtr work, std::vector<at::Tensor> results, Finish finish);
  /// For sends and receives, which have no future: a thread of ours waits.
  WorkPtr trackByThread(std::shared_ptr<Pending> pending, WorkPtr work, std::vector<at::Tensor> results, Finish finish);
  /// Sends `input`'s pieces to the ranks and receives theirs into `output`; both contiguous, splits in bytes.
  WorkPtr exchangeBytes(const char* collective, const at::Tensor& output, const at::Tensor& input, std::vector<int64_t> outputSplits,
                        std::vector<int64_t> inputSplits, std::vector<at::Tensor> results, Finish finish);

  const std::string name_;
  // Outlives the group: gloo's threads count down last.
  const std::shared_ptr<std::atomic<int>> unfinished_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace lt

#endif
