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
//
// A call that fails breaks the group: the others under way fail with it, later ones fail at once, and the connections are
// closed, so that the peers, who may wait for this rank alone, learn of it now and not when their time is over.

#include "c10d.h"

#if defined(LT_C10D) && defined(HAVE_GLOO)

#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>

#include <gloo/context.h>

#include <functional>
#include <mutex>
#include <unordered_set>

#include "pending.h"

namespace lt {

/// What the calls of a group share, also after the group itself is gone.
struct GlooConnections {
  std::mutex mutex;
  std::vector<std::shared_ptr<::gloo::Context>> contexts;
  std::unordered_set<std::shared_ptr<Pending>> running;
  std::exception_ptr failure;  // of the first call that failed
  std::atomic<int> unfinished{0};
};

class GlooBackend final : public c10d::ProcessGroupGloo {
 public:
  ~GlooBackend() override;
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
  int unfinished() const { return connections_->unfinished.load(); }

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
  const std::shared_ptr<GlooConnections> connections_ = std::make_shared<GlooConnections>();
};

}  // namespace lt

#endif
