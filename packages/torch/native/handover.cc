// Tensors from one thread of the process to another without a copy, and what a data-loading worker's thread needs of the
// engine: a default generator of its own and operators that run on one core.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <torch/library.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <unordered_map>

#ifdef _OPENMP
#include <omp.h>
#endif
#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include "environment.h"
#include "memory.h"
#include "operators.h"
#include "values.h"

namespace lt {

// --- tensors under way ---------------------------------------------------------------------------------------------

namespace {

/// Tensors that were given and not taken yet. A closed passage takes no more and holds none, so nothing is left behind
/// when one of its two ends has gone.
struct Passage {
  std::unordered_map<int64_t, at::Tensor> underWay;
  bool workerEnded = false;
};

struct Passages {
  std::mutex mutex;
  std::unordered_map<int64_t, Passage> open;
  int64_t lastId = 0;
  int64_t lastTicket = 0;
};

Passages& passages() {
  static auto* made = new Passages();  // threads may end after the statics of main
  return *made;
}

thread_local int64_t workerPassage = 0;

}  // namespace

static napi_value openPassage(napi_env env, napi_callback_info) {
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  all.open.emplace(++all.lastId, Passage());
  return fromInt64(env, all.lastId);
}

/// Lets go of what was not taken. Safe to call again.
static napi_value closePassage(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  Passage closed;  // freed after the lock
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto found = all.open.find(toInt64(env, args[0]));
  if (found == all.open.end()) return undefined(env);
  closed = std::move(found->second);
  all.open.erase(found);
  return undefined(env);
}

/// giveTensors(passage, tensors): the ticket of the first; the others follow. 0 when the passage is closed.
static napi_value giveTensors(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  const int64_t id = toInt64(env, args[0]);
  std::vector<at::Tensor> tensors = toTensors(env, args[1]);
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto found = all.open.find(id);
  if (found == all.open.end()) return fromInt64(env, 0);
  const int64_t first = all.lastTicket + 1;
  for (at::Tensor& tensor : tensors) found->second.underWay.emplace(++all.lastTicket, std::move(tensor));
  return fromInt64(env, first);
}

/// Removes `count` tensors from a passage; fewer when some are not there (any more).
static std::vector<at::Tensor> removeFrom(int64_t id, int64_t first, int64_t count) {
  std::vector<at::Tensor> tensors;
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto found = all.open.find(id);
  if (found == all.open.end()) return tensors;
  for (int64_t ticket = first; ticket < first + count; ++ticket) {
    auto entry = found->second.underWay.find(ticket);
    if (entry == found->second.underWay.end()) continue;
    tensors.push_back(std::move(entry->second));
    found->second.underWay.erase(entry);
  }
  return tensors;
}

/// takeTensors(passage, ticket, count): the tensors themselves; a ticket is good for one time.
static napi_value takeTensors(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  const int64_t count = toInt64(env, args[2]);
  std::vector<at::Tensor> tensors = removeFrom(toInt64(env, args[0]), toInt64(env, args[1]), count);
  if (static_cast<int64_t>(tensors.size()) != count)
    throw CodedError("ENGINE", "tensors from another thread were taken already, or the loader they belong to was closed");
  for (const at::Tensor& tensor : tensors) countReceived(tensor);
  return fromTensors(env, tensors);
}

/// dropTensors(passage, ticket, count): lets go of tensors nobody wants any more.
static napi_value dropTensors(napi_env env, napi_callback_info info) {
  Arguments<3> args(env, info);
  removeFrom(toInt64(env, args[0]), toInt64(env, args[1]), toInt64(env, args[2]));
  return undefined(env);
}

/// How many tensors are under way in the whole process.
static napi_value tensorsUnderWay(napi_env env, napi_callback_info) {
  int64_t count = 0;
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  for (const auto& entry : all.open) count += static_cast<int64_t>(entry.second.underWay.size());
  return fromInt64(env, count);
}

/// Whether the worker at the other end has ended, however it did: also when it ran out of memory.
static napi_value hasWorkerEnded(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  const int64_t id = toInt64(env, args[0]);
  Passages& all = passages();
  std::lock_guard<std::mutex> lock(all.mutex);
  auto found = all.open.find(id);
  return fromBool(env, found != all.open.end() && found->second.workerEnded);
}

// --- a default generator for each worker ---------------------------------------------------------------------------

// Operators that are given no generator draw from libtorch's default one, which belongs to the whole process: threads
// that draw from it at once make each other's numbers unpredictable. In a worker's thread a dispatch key is switched on
// that hands the thread's own generator to every operator that takes one, also to those that other operators are made of
// (dropout draws by bernoulli_). Threads that never switch it on pay nothing.

static constexpr c10::DispatchKey kOwnGenerator = c10::DispatchKey::TESTING_ONLY_GenericMode;

static thread_local std::unique_ptr<at::Generator> ownGenerator;

at::Generator* threadGenerator() { return ownGenerator.get(); }

static bool isGenerator(const c10::Argument& argument) {
  return argument.type()->isSubtypeOf(*c10::OptionalType::create(c10::GeneratorType::get()));
}

static void drawFromOwnGenerator(const c10::OperatorHandle& op, c10::DispatchKeySet keys, torch::jit::Stack* stack) {
  // Factories have no backend yet; what they are made of comes by here again.
  if (ownGenerator != nullptr && keys.has_backend(c10::BackendComponent::CPUBit)) {
    const auto& arguments = op.schema().arguments();
    const size_t base = stack->size() - arguments.size();
    for (size_t i = 0; i < arguments.size(); ++i)
      if (isGenerator(arguments[i]) && (*stack)[base + i].isNone()) (*stack)[base + i] = *ownGenerator;
  }
  op.redispatchBoxed(keys & c10::DispatchKeySet(c10::DispatchKeySet::FULL_AFTER, kOwnGenerator), stack);
}

static void registerOwnGenerators() {
  static auto* everything = new torch::Library(torch::Library::IMPL, "_", kOwnGenerator, __FILE__, __LINE__);
  everything->fallback(torch::CppFunction::makeFallthrough());
  static auto* operators = new torch::Library(torch::Library::IMPL, "aten", kOwnGenerator, __FILE__, __LINE__);
  auto& dispatcher = c10::Dispatcher::singleton();
  for (const c10::OperatorName& name : dispatcher.getAllOpNames()) {
    if (name.name.compare(0, 6, "aten::") != 0) continue;
    auto op = dispatcher.findSchema(name);
    if (!op.has_value()) continue;
    const auto& arguments = op->schema().arguments();
    if (std::none_of(arguments.begin(), arguments.end(), isGenerator)) continue;
    operators->impl(c10::toString(name).c_str(), torch::CppFunction::makeFromBoxedFunction<&drawFromOwnGenerator>());
  }
}

/// Called in a worker's thread before anything else: enterWorker(passage)
static napi_value enterWorker(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  workerPassage = toInt64(env, args[0]);
  ownGenerator = std::make_unique<at::Generator>(at::make_generator<at::CPUGeneratorImpl>());
  c10::impl::tls_set_dispatch_key_included(kOwnGenerator, true);
  // at::set_num_threads would also set the number for threads that start later; this is the calling thread's alone.
  at::get_num_threads();
#ifdef _OPENMP
  omp_set_num_threads(1);
#endif
  napi_add_env_cleanup_hook(
      env,
      [](void*) {
        c10::impl::tls_set_dispatch_key_included(kOwnGenerator, false);
        Passages& all = passages();
        std::lock_guard<std::mutex> lock(all.mutex);
        auto found = all.open.find(workerPassage);
        if (found != all.open.end()) found->second.workerEnded = true;
      },
      nullptr);
  return undefined(env);
}

void initHandover(napi_env env, napi_value exports) {
  static const bool once = [] {
    registerOwnGenerators();
#if !defined(_WIN32)
    // Node unloads an addon with the last thread that opened it, but libtorch keeps our allocator for ever.
    Dl_info self;
    if (dladdr(reinterpret_cast<void*>(&initHandover), &self) != 0) dlopen(self.dli_fname, RTLD_NOW | RTLD_NOLOAD | RTLD_NODELETE);
#endif
    return true;
  }();
  (void)once;
  define(env, exports, "openPassage", guarded<openPassage>);
  define(env, exports, "closePassage", guarded<closePassage>);
  define(env, exports, "giveTensors", guarded<giveTensors>);
  define(env, exports, "takeTensors", guarded<takeTensors>);
  define(env, exports, "dropTensors", guarded<dropTensors>);
  define(env, exports, "tensorsUnderWay", guarded<tensorsUnderWay>);
  define(env, exports, "hasWorkerEnded", guarded<hasWorkerEnded>);
  define(env, exports, "enterWorker", guarded<enterWorker>);
}

}  // namespace lt
