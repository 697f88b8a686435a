#include "glooBackend.h"

#if defined(LT_C10D) && defined(HAVE_GLOO)

#include <ATen/ATen.h>
#include <c10/core/GradMode.h>

#include "../errors.h"
#include "background.h"

namespace lt {

using c10d::ReduceOp;

namespace {

/// A tensor of the same elements that shares the storage: what collectives write is no operation for autograd.
at::Tensor plain(const at::Tensor& tensor) { return tensor.detach(); }

/// The same bytes as a type that gloo knows.
at::Tensor asMovable(const at::Tensor& contiguous) {
  switch (contiguous.scalar_type()) {
    case at::kFloat:
    case at::kDouble:
    case at::kHalf:
    case at::kChar:
    case at::kByte:
    case at::kInt:
    case at::kLong:
      return contiguous;
    default:
      break;
  }
  if (contiguous.is_complex()) return at::view_as_real(contiguous);
  switch (contiguous.element_size()) {
    case 1:
      return contiguous.view(at::kByte);
    case 2:
      return contiguous.view(at::kHalf);
    case 4:
      return contiguous.view(at::kInt);
    default:
      return contiguous.view(at::kLong);
  }
}

/// A tensor on its way through gloo: as itself where gloo can take it, else as a copy.
struct Carried {
  at::Tensor original;
  at::Tensor owner;  // contiguous, perhaps of another type
  at::Tensor moved;  // what gloo sees

  bool copied() const { return !owner.is_same(original); }
  /// Brings what gloo wrote into the original.
  void store() {
    if (copied()) original.copy_(owner);
  }
};

Carried carry(const at::Tensor& tensor) {
  at::Tensor original = plain(tensor);
  at::Tensor owner = original.is_contiguous() && !original.is_conj() ? original : original.resolve_conj().contiguous();
  return {original, owner, asMovable(owner)};
}

Carried carryForReduction(const at::Tensor& tensor) {
  at::Tensor original = plain(tensor);
  switch (original.scalar_type()) {
    case at::kBFloat16: {
      at::Tensor owner = original.to(at::kFloat).contiguous();
      return {original, owner, owner};
    }
    case at::kShort: {
      at::Tensor owner = original.to(at::kInt).contiguous();
      return {original, owner, owner};
    }
    default:
      return carry(tensor);
  }
}

std::vector<Carried> carryAll(const std::vector<at::Tensor>& tensors) {
  std::vector<Carried> carried;
  carried.reserve(tensors.size());
  for (const at::Tensor& tensor : tensors) carried.push_back(carry(tensor));
  return carried;
}
std::vector<at::Tensor> movedOf(const std::vector<Carried>& carried) {
  std::vector<at::Tensor> tensors;
  tensors.reserve(carried.size());
  for (const Carried& one : carried) tensors.push_back(one.moved);
  return tensors;
}
bool anyCopied(const std::vector<Carried>& carried) {
  for (const Carried& one : carried)
    if (one.copied()) return true;
  return false;
}

/// The reduction that gloo runs for the one asked for.
ReduceOp::RedOpType operationFor(ReduceOp::RedOpType wanted, at::ScalarType type) {
  if (wanted == ReduceOp::AVG) return ReduceOp::SUM;
  if (type != at::kBool) return wanted;
  switch (wanted) {
    case ReduceOp::SUM:
    case ReduceOp::MAX:
    case ReduceOp::BOR:
      return ReduceOp::MAX;
    case ReduceOp::PRODUCT:
    case ReduceOp::MIN:
    case ReduceOp::BAND:
      return ReduceOp::MIN;
    default:
      return wanted;
  }
}

void divideBy(at::Tensor& tensor, int size) {
  if (at::isIntegralType(tensor.scalar_type(), /*includeBool=*/false))
    tensor.div_(size, "trunc");
  else
    tensor.div_(size);
}

/// [ranks, ...] to [...]
at::Tensor reduceStack(const at::Tensor& stack, ReduceOp::RedOpType operation, int size) {
  const at::ScalarType type = stack.scalar_type();
  const bool isBool = type == at::kBool;
  // Not every kernel knows the short types, and sums in them lose digits.
  if (type == at::kHalf || type == at::kBFloat16) return reduceStack(stack.to(at::kFloat), operation, size).to(type);
  switch (operation) {
    case ReduceOp::SUM:
      return isBool ? stack.any(0) : stack.sum(at::IntArrayRef{0}, false, type);
    case ReduceOp::AVG: {
      at::Tensor sum = stack.sum(at::IntArrayRef{0}, false, type);
      divideBy(sum, size);
      return sum;
    }
    case ReduceOp::PRODUCT:
      return isBool ? stack.all(0) : stack.prod(0, false, type);
    case ReduceOp::MIN:
      return isBool ? stack.all(0) : stack.amin(0);
    case ReduceOp::MAX:
      return isBool ? stack.any(0) : stack.amax(0);
    case ReduceOp::BAND:
    case ReduceOp::BOR:
    case ReduceOp::BXOR: {
      at::Tensor result = stack[0].clone();
      for (int64_t i = 1; i < stack.size(0); ++i) {
        if (operation == ReduceOp::BAND)
          result.bitwise_and_(stack[i]);
        else if (operation == ReduceOp::BOR)
          result.bitwise_or_(stack[i]);
        else
          result.bitwise_xor_(stack[i]);
      }
      return result;
    }
    default:
      throw CodedError("DISTRIBUTED_ARGUMENT", "this reduction cannot be scattered");
  }
}

at::Tensor bytesOf(const at::Tensor& contiguous) {
  return at::from_blob(contiguous.data_ptr(), {static_cast<int64_t>(contiguous.numel() * contiguous.element_size())}, at::kByte);
}

}  // namespace

GlooBackend::GlooBackend(const c10::intrusive_ptr<c10d::Store>& store, int rank, int size, c10::intrusive_ptr<Options> options, std::string name)
    : c10d::ProcessGroupGloo(store, rank, size, std::move(options)), name_(std::move(name)) {
  connections_->contexts = contexts_;
}

GlooBackend::~GlooBackend() {
  std::lock_guard<std::mutex> lock(connections_->mutex);
  connections_->contexts.clear();
}

static void breakGroup(GlooConnections& connections, std::exception_ptr failure) {
  std::unordered_set<std::shared_ptr<Pending>> running;
  std::vector<std::shared_ptr<::gloo::Context>> contexts;
  {
    std::lock_guard<std::mutex> lock(connections.mutex);
    if (connections.failure) return;
    connections.failure = failure;
    running.swap(connections.running);
    contexts = connections.contexts;
  }
  for (const auto& pending : running) pending->fail(failure);
  // A connection can be locked for good, by a transport thread that stopped at an error: one thread for each of a few.
  for (const auto& context : contexts) {
    if (context->size > 64) {
      onBackgroundThread([context] { context->closeConnections(); });
      continue;
    }
    for (int peer = 0; peer < context->size; ++peer)
      if (peer != context->rank && context->getPair(peer)) onBackgroundThread([context, peer] { context->getPair(peer)->close(); });
  }
}

std::shared_ptr<Pending> GlooBackend::begin(const char* collective) {
  auto pending = Pending::start({collective, name_, getRank(), getSize()});
  pending->onFailure = [connections = connections_](std::exception_ptr failure) { breakGroup(*connections, failure); };
  std::lock_guard<std::mutex> lock(connections_->mutex);
  if (connections_->failure) std::rethrow_exception(connections_->failure);
  return pending;
}

static void enter(GlooConnections& connections, const std::shared_ptr<Pending>& pending) {
  std::exception_ptr failure;
  {
    std::lock_guard<std::mutex> lock(connections.mutex);
    connections.unfinished.fetch_add(1);
    failure = connections.failure;
    if (!failure) connections.running.insert(pending);
  }
  if (failure) pending->fail(failure);  // the group broke since the call began
}

static void leave(GlooConnections& connections, const std::shared_ptr<Pending>& pending) {
  std::lock_guard<std::mutex> lock(connections.mutex);
  connections.running.erase(pending);
  connections.unfinished.fetch_sub(1);
}

static void conclude(Pending& pending, std::vector<at::Tensor> results, const std::function<void()>& finish) {
  if (pending.settled()) return;  // given up: nobody expects these tensors to change any more
  try {
    c10::NoGradGuard noGrad;
    if (finish) finish();
    pending.succeed(std::move(results));
  } catch (...) {
    pending.fail(std::current_exception());
  }
}

WorkPtr GlooBackend::track(std::shared_ptr<Pending> pending, WorkPtr work, std::vector<at::Tensor> results, Finish finish) {
  enter(*connections_, pending);
  work->getFuture()->addCallback([pending, results = std::move(results), finish = std::move(finish), connections = connections_](c10::ivalue::Future& future) {
    leave(*connections, pending);
    if (future.hasError())
      pending->fail(future.exception_ptr());
    else
      conclude(*pending, results, finish);
  });
  return c10::make_intrusive<PendingWork>(std::move(pending));
}

WorkPtr GlooBackend::trackByThread(std::shared_ptr<Pending> pending, WorkPtr work, std::vector<at::Tensor> results, Finish finish) {
  enter(*connections_, pending);
  onBackgroundThread([pending, work, results = std::move(results), finish = std::move(finish), connections = connections_]() mutable {
    try {
      work->wait();
      if (pending->site().collective == "recv") pending->sourceRank = work->sourceRank();
      conclude(*pending, std::move(results), finish);
    } catch (...) {
      pending->fail(std::current_exception());
    }
    work.reset();
    leave(*connections, pending);
  });
  return c10::make_intrusive<PendingWork>(std::move(pending));
}

/// For tensors without elements, which gloo divides by: there is nothing to do.
static WorkPtr done(std::shared_ptr<Pending> pending, std::vector<at::Tensor> results) {
  pending->succeed(std::move(results));
  return c10::make_intrusive<PendingWork>(std::move(pending));
}

WorkPtr GlooBackend::broadcast(std::vector<at::Tensor>& tensors, const c10d::BroadcastOptions& options) {
  auto pending = begin("broadcast");
  if (tensors.at(0).numel() == 0) return done(pending, tensors);
  Carried carried = carry(tensors.at(0));
  std::vector<at::Tensor> moved{carried.moved};
  Finish finish;
  if (carried.copied() && getRank() != options.rootRank) finish = [carried]() mutable { carried.store(); };
  return track(pending, c10d::ProcessGroupGloo::broadcast(moved, options), tensors, std::move(finish));
}

WorkPtr GlooBackend::allreduce(std::vector<at::Tensor>& tensors, const c10d::AllreduceOptions& options) {
  auto pending = begin("allReduce");
  if (tensors.size() == 1 && !tensors[0].is_sparse() && tensors[0].numel() == 0) return done(pending, tensors);
  const ReduceOp::RedOpType wanted = options.reduceOp;
  c10d::AllreduceOptions possible = options;
  if (tensors.at(0).is_sparse()) {
    possible.reduceOp = operationFor(wanted, tensors[0].scalar_type());
    WorkPtr work = c10d::ProcessGroupGloo::allreduce(tensors, possible);
    Finish finish;
    if (wanted == ReduceOp::AVG) finish = [tensor = tensors[0], size = getSize()]() mutable { divideBy(tensor, size); };
    return track(pending, std::move(work), tensors, std::move(finish));
  }
  std::vector<Carried> carried;
  for (const at::Tensor& tensor : tensors) carried.push_back(carryForReduction(tensor));
  possible.reduceOp = operationFor(wanted, tensors[0].scalar_type());
  std::vector<at::Tensor> moved = movedOf(carried);
  const bool copied = anyCopied(carried);
  // Several tensors are, for gloo, several contributions of one rank; a collective of ours has one each.
  WorkPtr work;
  if (moved.size() == 1) {
    work = c10d::ProcessGroupGloo::allreduce(moved, possible);
  } else {
    c10d::AllreduceCoalescedOptions coalesced;
    coalesced.reduceOp = possible.reduceOp;
    work = c10d::ProcessGroupGloo::allreduce_coalesced(moved, coalesced);
  }
  Finish finish;
  if (copied || wanted == ReduceOp::AVG)
    finish = [carried, wanted, size = getSize()]() mutable {
      for (Carried& one : carried) {
        if (wanted == ReduceOp::AVG) divideBy(one.moved, size);
        one.store();
      }
    };
  return track(pending, std::move(work), tensors, std::move(finish));
}

WorkPtr GlooBackend::reduce(std::vector<at::Tensor>& tensors, const c10d::ReduceOptions& options) {
  auto pending = begin("reduce");
  if (tensors.at(0).numel() == 0) return done(pending, tensors);
  const ReduceOp::RedOpType wanted = options.reduceOp;
  c10d::ReduceOptions possible = options;
  possible.reduceOp = operationFor(wanted, tensors.at(0).scalar_type());
  const bool isRoot = getRank() == options.rootRank;
  Carried carried = carryForReduction(tensors[0]);
  // Gloo leaves partial sums in the tensors of the others.
  if (!isRoot && !carried.copied()) carried.moved = carried.moved.clone();
  std::vector<at::Tensor> moved{carried.moved};
  Finish finish;
  if (isRoot)
    finish = [carried, wanted, size = getSize()]() mutable {
      if (wanted == ReduceOp::AVG) divideBy(carried.moved, size);
      carried.store();
    };
  return track(pending, c10d::ProcessGroupGloo::reduce(moved, possible), tensors, std::move(finish));
}

WorkPtr GlooBackend::allgather(std::vector<std::vector<at::Tensor>>& outputs, std::vector<at::Tensor>& inputs, const c10d::AllgatherOptions& options) {
  auto pending = begin("allGather");
  if (inputs.at(0).numel() == 0) return done(pending, outputs.at(0));
  Carried input = carry(inputs.at(0));
  std::vector<Carried> carried = carryAll(outputs.at(0));
  std::vector<std::vector<at::Tensor>> movedOutputs{movedOf(carried)};
  std::vector<at::Tensor> movedInputs{input.moved};
  WorkPtr work = c10d::ProcessGroupGloo::allgather(movedOutputs, movedInputs, options);
  Finish finish;
  if (anyCopied(carried))
    finish = [carried]() mutable {
      for (Carried& one : carried) one.store();
    };
  return track(pending, std::move(work), outputs[0], std::move(finish));
}

WorkPtr GlooBackend::_allgather_base(at::Tensor& output, at::Tensor& input, const c10d::AllgatherOptions& options) {
  auto pending = begin("allGatherIntoTensor");
  if (input.numel() == 0) return done(pending, {output});
  Carried from = carry(input);
  Carried into = carry(output);
  std::vector<std::vector<at::Tensor>> pieces{into.owner.view({getSize(), -1}).unbind(0)};
  for (at::Tensor& piece : pieces[0]) piece = asMovable(piece);
  std::vector<at::Tensor> inputs{asMovable(from.owner.view({-1}))};
  WorkPtr work = c10d::ProcessGroupGloo::allgather(pieces, inputs, options);
  Finish finish;
  if (into.copied()) finish = [into]() mutable { into.store(); };
  return track(pending, std::move(work), {output}, std::move(finish));
}

WorkPtr GlooBackend::gather(std::vector<std::vector<at::Tensor>>& outputs, std::vector<at::Tensor>& inputs, const c10d::GatherOptions& options) {
  auto pending = begin("gather");
  if (inputs.at(0).numel() == 0) return done(pending, {});
  Carried input = carry(inputs.at(0));
  std::vector<Carried> carried;
  std::vector<std::vector<at::Tensor>> movedOutputs;
  if (!outputs.empty()) {
    carried = carryAll(outputs[0]);
    movedOutputs.push_back(movedOf(carried));
  }
  std::vector<at::Tensor> movedInputs{input.moved};
  WorkPtr work = c10d::ProcessGroupGloo::gather(movedOutputs, movedInputs, options);
  Finish finish;
  if (anyCopied(carried))
    finish = [carried]() mutable {
      for (Carried& one : carried) one.store();
    };
  return track(pending, std::move(work), outputs.empty() ? std::vector<at::Tensor>{} : outputs[0], std::move(finish));
}

WorkPtr GlooBackend::scatter(std::vector<at::Tensor>& outputs, std::vector<std::vector<at::Tensor>>& inputs, const c10d::ScatterOptions& options) {
  auto pending = begin("scatter");
  if (outputs.at(0).numel() == 0) return done(pending, outputs);
  Carried output = carry(outputs.at(0));
  std::vector<std::vector<at::Tensor>> movedInputs;
  if (!inputs.empty()) movedInputs.push_back(movedOf(carryAll(inputs[0])));
  std::vector<at::Tensor> movedOutputs{output.moved};
  WorkPtr work = c10d::ProcessGroupGloo::scatter(movedOutputs, movedInputs, options);
  Finish finish;
  if (output.copied()) finish = [output]() mutable { output.store(); };
  return track(pending, std::move(work), outputs, std::move(finish));
}

WorkPtr GlooBackend::exchangeBytes(const char* collective, const at::Tensor& output, const at::Tensor& input, std::vector<int64_t> outputSplits,
                                   std::vector<int64_t> inputSplits, std::vector<at::Tensor> results, Finish finish) {
  auto pending = begin(collective);
  at::Tensor outputBytes = bytesOf(output);
  at::Tensor inputBytes = bytesOf(input);
  WorkPtr work = c10d::ProcessGroupGloo::alltoall_base(outputBytes, inputBytes, outputSplits, inputSplits);
  // The byte views do not own what they show.
  auto holding = [output, input, finish = std::move(finish)] {
    if (finish) finish();
  };
  return track(pending, std::move(work), std::move(results), std::move(holding));
}

WorkPtr GlooBackend::reduce_scatter(std::vector<at::Tensor>& outputs, std::vector<std::vector<at::Tensor>>& inputs, const c10d::ReduceScatterOptions& options) {
  if (outputs.at(0).numel() == 0) return done(begin("reduceScatter"), outputs);
  c10::NoGradGuard noGrad;
  at::Tensor stack = at::stack(inputs.at(0)).contiguous();
  at::Tensor received = at::empty_like(stack);
  auto finish = [output = plain(outputs.at(0)), received, operation = ReduceOp::RedOpType(options.reduceOp), size = getSize()]() mutable {
    output.copy_(reduceStack(received, operation, size).view_as(output));
  };
  return exchangeBytes("reduceScatter", received, stack, {}, {}, outputs, std::move(finish));
}

WorkPtr GlooBackend::_reduce_scatter_base(at::Tensor& output, at::Tensor& input, const c10d::ReduceScatterOptions& options) {
  if (output.numel() == 0) return done(begin("reduceScatterTensor"), {output});
  at::Tensor sent = plain(input).contiguous().view({getSize(), -1});
  at::Tensor received = at::empty_like(sent);
  auto finish = [into = plain(output), received, operation = ReduceOp::RedOpType(options.reduceOp), size = getSize()]() mutable {
    into.copy_(reduceStack(received, operation, size).view_as(into));
  };
  return exchangeBytes("reduceScatterTensor", received, sent, {}, {}, {output}, std::move(finish));
}

WorkPtr GlooBackend::alltoall_base(at::Tensor& output, at::Tensor& input, std::vector<int64_t>& outputSplits, std::vector<int64_t>& inputSplits,
                                   const c10d::AllToAllOptions&) {
  at::Tensor sent = plain(input).resolve_conj().contiguous();
  at::Tensor into = plain(output);
  at::Tensor received = into.is_contiguous() ? into : at::empty(into.sizes(), into.options());
  const auto inBytes = [](std::vector<int64_t> rows, const at::Tensor& tensor) {
    const int64_t rowBytes = tensor.size(0) == 0 ? 0 : tensor.numel() / tensor.size(0) * tensor.element_size();
    for (int64_t& count : rows) count *= rowBytes;
    return rows;
  };
  Finish finish;
  if (!received.is_same(into)) finish = [into, received]() mutable { into.copy_(received); };
  return exchangeBytes("allToAllSingle", received, sent, inBytes(outputSplits, received), inBytes(inputSplits, sent), {output}, std::move(finish));
}

WorkPtr GlooBackend::alltoall(std::vector<at::Tensor>& outputs, std::vector<at::Tensor>& inputs, const c10d::AllToAllOptions&) {
  const auto sizesOf = [](const std::vector<at::Tensor>& tensors) {
    std::vector<int64_t> sizes;
    for (const at::Tensor& tensor : tensors) sizes.push_back(tensor.numel() * tensor.element_size());
    return sizes;
  };
  c10::NoGradGuard noGrad;
  std::vector<at::Tensor> flat;
  for (const at::Tensor& tensor : inputs) flat.push_back(plain(tensor).resolve_conj().reshape({-1}));
  at::Tensor sent = at::cat(flat);
  int64_t total = 0;
  for (const at::Tensor& tensor : outputs) total += tensor.numel();
  at::Tensor received = at::empty({total}, outputs.at(0).options());
  std::vector<at::Tensor> into;
  for (const at::Tensor& tensor : outputs) into.push_back(plain(tensor));
  auto finish = [into, received]() mutable {
    int64_t start = 0;
    for (at::Tensor& tensor : into) {
      tensor.copy_(received.narrow(0, start, tensor.numel()).view(tensor.sizes()));
      start += tensor.numel();
    }
  };
  return exchangeBytes("allToAll", received, sent, sizesOf(outputs), sizesOf(inputs), outputs, std::move(finish));
}

WorkPtr GlooBackend::send(std::vector<at::Tensor>& tensors, int destination, int tag) {
  auto pending = begin("send");
  Carried carried = carry(tensors.at(0));
  std::vector<at::Tensor> moved{carried.moved};
  return trackByThread(pending, c10d::ProcessGroupGloo::send(moved, destination, tag), tensors, [carried] {});
}

WorkPtr GlooBackend::recv(std::vector<at::Tensor>& tensors, int source, int tag) {
  auto pending = begin("recv");
  Carried carried = carry(tensors.at(0));
  std::vector<at::Tensor> moved{carried.moved};
  return trackByThread(pending, c10d::ProcessGroupGloo::recv(moved, source, tag), tensors, [carried]() mutable { carried.store(); });
}

WorkPtr GlooBackend::recvAnysource(std::vector<at::Tensor>& tensors, int tag) {
  auto pending = begin("recv");
  Carried carried = carry(tensors.at(0));
  std::vector<at::Tensor> moved{carried.moved};
  return trackByThread(pending, c10d::ProcessGroupGloo::recvAnysource(moved, tag), tensors, [carried]() mutable { carried.store(); });
}

WorkPtr GlooBackend::barrier(const c10d::BarrierOptions& options) {
  auto pending = begin("barrier");
  return track(pending, c10d::ProcessGroupGloo::barrier(options), {}, {});
}

}  // namespace lt

#endif
