// Process groups: making, describing and destroying them.

#include "c10d.h"

#include "../environment.h"
#include "../values.h"

#ifdef LT_C10D

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <mutex>
#include <thread>

#ifdef HAVE_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include "background.h"
#include "glooBackend.h"
#include "group.h"
#include "pending.h"
#include "quietLog.h"
#include "store.h"

namespace lt {

using std::chrono::milliseconds;

namespace {

#ifdef HAVE_GLOO
int unfinishedCalls(const GroupBox& box) {
  const auto* gloo = dynamic_cast<const GlooBackend*>(box.backend.get());
  return gloo == nullptr ? 0 : gloo->unfinished();
}
#else
int unfinishedCalls(const GroupBox&) { return 0; }
#endif

/// Lets go of the group. One with calls under way is given up instead: its destructor would wait for them, and the peers
/// they are addressed to may be gone.
void release(GroupBox& box, bool onThread) {
  if (!box.backend) return;
  if (unfinishedCalls(box) > 0 || isClosing()) {
    (void)box.group.release();
    (void)box.backend.release();
    return;
  }
  if (onThread) {
    onBackgroundThread([group = std::move(box.group), backend = std::move(box.backend)]() mutable {
      group.reset();
      backend.reset();
    });
  } else {
    box.group.reset();
    box.backend.reset();
  }
}

void finalizeGroup(napi_env, void* data, void*) {
  auto* box = static_cast<GroupBox*>(data);
  release(*box, true);
  delete box;
}

napi_value wrapGroup(napi_env env, std::shared_ptr<GroupBox> made) {
  auto box = std::make_unique<GroupBox>(*made);
  made->group.reset();
  made->backend.reset();
  napi_value external = nullptr;
  check(env, napi_create_external(env, box.get(), finalizeGroup, nullptr, &external));
  box.release();
  return external;
}

#ifdef HAVE_GLOO
/// The address of this machine that packets to `host` leave from: what the other machines can reach us by. Looking up
/// this machine's own name instead finds a loopback address on many systems. Empty when there is no such route.
std::string addressTowards(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(host.c_str(), "9", &hints, &found) != 0) return "";
  std::string address;
  for (addrinfo* each = found; each != nullptr && address.empty(); each = each->ai_next) {
    const int descriptor = socket(each->ai_family, SOCK_DGRAM, 0);
    if (descriptor < 0) continue;
    sockaddr_storage own{};
    socklen_t length = sizeof(own);
    char text[INET6_ADDRSTRLEN] = {};
    // A datagram socket sends nothing when it is connected; it only learns its route.
    if (connect(descriptor, each->ai_addr, each->ai_addrlen) == 0 && getsockname(descriptor, reinterpret_cast<sockaddr*>(&own), &length) == 0) {
      const void* raw = own.ss_family == AF_INET6 ? static_cast<const void*>(&reinterpret_cast<sockaddr_in6*>(&own)->sin6_addr)
                                                  : static_cast<const void*>(&reinterpret_cast<sockaddr_in*>(&own)->sin_addr);
      if (inet_ntop(own.ss_family, raw, text, sizeof(text)) != nullptr) address = text;
    }
    close(descriptor);
  }
  freeaddrinfo(found);
  return address;
}

std::terminate_handler previousTerminate = nullptr;

/// Gloo's transport ends the whole process when a rank receives more than it expects, which is what tensors of different
/// sizes lead to: the exception leaves the transport's own thread. Here the thread stops instead, for good, and whoever
/// waits gets an error.
[[noreturn]] void onTerminate() {
  try {
    if (std::exception_ptr error = std::current_exception()) std::rethrow_exception(error);
  } catch (const std::exception& error) {
    const std::string text = error.what();
    if (text.find("enforce fail") != std::string::npos && text.find("gloo/") != std::string::npos) {
      interruptAll({"DISTRIBUTED_MISMATCH", text});
      for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
    }
  } catch (...) {
  }
  if (previousTerminate != nullptr) previousTerminate();
  std::abort();
}

c10::intrusive_ptr<c10d::ProcessGroupGloo::Options> glooOptions(milliseconds timeout, const std::string& interface, const std::string& towards) {
  auto options = c10d::ProcessGroupGloo::Options::create(timeout);
  if (!interface.empty()) {
    options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(interface));
  } else {
    const std::string address = towards.empty() ? "" : addressTowards(towards);
    options->devices.push_back(address.empty() ? c10d::ProcessGroupGloo::createDefaultDevice()
                                               : c10d::ProcessGroupGloo::createDeviceForHostname(address));
  }
  options->threads = 2;
  return options;
}
#endif

struct GroupRequest {
  std::string backend;
  std::string name;
  int rank;
  int size;
  milliseconds timeout;
  std::string interface;
  std::string towards;
};

std::shared_ptr<GroupBox> makeGroup(const c10::intrusive_ptr<c10d::Store>& store, const GroupRequest& request) {
  auto box = std::make_shared<GroupBox>();
  box->name = request.name;
  box->rank = request.rank;
  box->size = request.size;
#ifdef HAVE_GLOO
  if (request.backend == "gloo") {
    static std::once_flag handled;
    std::call_once(handled, [] { previousTerminate = std::set_terminate(onTerminate); });
    box->backend = c10::make_intrusive<GlooBackend>(store, request.rank, request.size,
                                                    glooOptions(request.timeout, request.interface, request.towards), request.name);
  }
#endif
#ifdef HAVE_NCCL
  if (request.backend == "nccl") {
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = request.timeout;
    box->backend = c10::make_intrusive<c10d::ProcessGroupNCCL>(store, request.rank, request.size, options);
  }
#endif
  if (!box->backend) throw CodedError("DISTRIBUTED_BACKEND", "this build has no backend '" + request.backend + "'");
#if TORCH_VERSION_MAJOR >= 2
  const bool isGloo = request.backend == "gloo";
  const auto type = isGloo ? c10d::ProcessGroup::BackendType::GLOO : c10d::ProcessGroup::BackendType::NCCL;
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 6
  box->group = c10::make_intrusive<c10d::ProcessGroup>(store, request.rank, request.size);
  box->group->setDefaultBackend(type);
#else
  auto options = c10::make_intrusive<c10d::ProcessGroup::Options>(request.backend, request.timeout);
  box->group = c10::make_intrusive<c10d::ProcessGroup>(store, request.rank, request.size, options);
#endif
  box->group->setBackend(isGloo ? c10::DeviceType::CPU : c10::DeviceType::CUDA, type, box->backend);
#else
  box->group = box->backend;
#endif
  return box;
}

}  // namespace

GroupBox& groupArgument(napi_env env, napi_value value) {
  void* data = nullptr;
  if (typeOf(env, value) == napi_external) check(env, napi_get_value_external(env, value, &data));
  auto* box = static_cast<GroupBox*>(data);
  if (box == nullptr || box->kind != BoxKind::kGroup) throw CodedError("ARGUMENT_TYPE", "expected a process group");
  if (!box->backend) throw CodedError("DISTRIBUTED_NOT_INITIALIZED", "the process group '" + box->name + "' was destroyed");
  return *box;
}

/// groupCreate(store, backend, name, rank, size, timeout, interface, towards): a promise of the group
static napi_value groupCreate(napi_env env, napi_callback_info info) {
  Arguments<8> args(env, info);
  GroupRequest request;
  request.backend = toString(env, args[1]);
  request.name = toString(env, args[2]);
  request.rank = static_cast<int>(toInt64(env, args[3]));
  request.size = static_cast<int>(toInt64(env, args[4]));
  request.timeout = milliseconds(toInt64(env, args[5]));
  request.interface = toString(env, args[6]);
  request.towards = toString(env, args[7]);
  return promiseOf(env, Loop::kMayEnd, [store = storeArgument(env, args[0]).store, request]() -> Deferred::Value {
    QuietLog quiet;
    try {
      std::shared_ptr<GroupBox> made = makeGroup(store, request);
      return [made](napi_env env) { return wrapGroup(env, made); };
    } catch (...) {
      std::rethrow_exception(describedFailure({"connect", request.name, request.rank, request.size}, std::current_exception()));
    }
  });
}

/// groupDestroy(group): true when it ended cleanly, false when calls were still under way and it was given up
static napi_value groupDestroy(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  GroupBox& box = groupArgument(env, args[0]);
  const bool clean = unfinishedCalls(box) == 0;
  release(box, false);
  return fromBool(env, clean);
}

static napi_value distributedBackends(napi_env env, napi_callback_info) {
  std::vector<std::string> names;
#ifdef HAVE_GLOO
  names.emplace_back("gloo");
#endif
#ifdef HAVE_NCCL
  names.emplace_back("nccl");
#endif
  napi_value array = nullptr;
  check(env, napi_create_array_with_length(env, names.size(), &array));
  for (size_t i = 0; i < names.size(); ++i) check(env, napi_set_element(env, array, static_cast<uint32_t>(i), fromString(env, names[i])));
  return array;
}

void initProcessGroups(napi_env env, napi_value exports) {
  define(env, exports, "distributedBackends", guarded<distributedBackends>);
  define(env, exports, "groupCreate", guarded<groupCreate>);
  define(env, exports, "groupDestroy", guarded<groupDestroy>);
}

}  // namespace lt

#else

namespace lt {

/// Null: this libtorch has no communication library at all.
static napi_value distributedBackends(napi_env env, napi_callback_info) { return null(env); }

void initProcessGroups(napi_env env, napi_value exports) { define(env, exports, "distributedBackends", guarded<distributedBackends>); }

}  // namespace lt

#endif
