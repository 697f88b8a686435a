// What the profiler records: every operator, backward step, TorchScript method and named range that the profiling thread
// runs (and the engine's own threads on its behalf), with times, input shapes and the bytes it allocated. TypeScript makes
// tables and traces of it. The observers are thread-local, so a program that does not profile has none.

#include <ATen/record_function.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <chrono>
#include <mutex>
#include <unordered_map>

#include "environment.h"
#include "memory.h"
#include "schemaValues.h"

namespace lt {

namespace {

int64_t now() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Record {
  size_t name = 0;
  int32_t shapes = -1;  // text numbers, -1 for none
  int32_t stack = -1;
  at::RecordScope scope = at::RecordScope::FUNCTION;
  bool isAsync = false;
  int64_t start = 0;
  int64_t end = 0;
  int64_t bytes = 0;
  int64_t sequence = -1;
  uint64_t thread = 0;
  uint64_t forwardThread = 0;
};

/// One stretch of recording. Ranges that are still open when it is closed are left out.
struct Session final : c10::DebugInfoBase, std::enable_shared_from_this<Session> {
  bool recordShapes = false;
  napi_env env = nullptr;  // with a stack function only
  napi_ref stackFunction = nullptr;
  uint64_t thread = 0;
  int64_t start = 0;
  int64_t startUnixNanoseconds = 0;

  std::mutex mutex;
  bool isOpen = true;
  std::vector<Record> records;
  std::vector<std::string> texts;
  std::unordered_map<std::string, size_t> textNumbers;

  size_t number(std::string text) {
    auto found = textNumbers.find(text);
    if (found != textNumbers.end()) return found->second;
    textNumbers.emplace(text, texts.size());
    texts.push_back(std::move(text));
    return texts.size() - 1;
  }
};

/// The slot travels to the threads that run parts of a backward pass; torch's own profilers use another.
c10::DebugInfoKind slotKind() { return c10::DebugInfoKind::TEST_INFO_2; }

struct OpenRange final : at::ObserverContext {
  std::shared_ptr<Session> session;
  Record record;
  int64_t bytesBefore = 0;
  bool isOutermost = false;
};

thread_local std::shared_ptr<Session> sessionOfThread;  // of the thread that profiles
thread_local at::CallbackHandle observer = at::INVALID_CALLBACK_HANDLE;
thread_local int depth = 0;
thread_local std::unordered_map<int64_t, std::unique_ptr<at::RecordFunction>> namedRanges;
thread_local int64_t nextRange = 1;

void describeShape(const c10::IValue& value, std::string& text) {
  if (value.isTensor() && value.toTensor().defined() && !value.toTensor().is_sparse()) {
    text += "[";
    bool isFirst = true;
    for (int64_t size : value.toTensor().sizes()) {
      text += (isFirst ? "" : ", ") + std::to_string(size);
      isFirst = false;
    }
    text += "]";
  } else if (value.isTensorList()) {
    text += "[";
    bool isFirst = true;
    for (const at::Tensor& tensor : value.toTensorVector()) {
      if (!isFirst) text += ", ";
      describeShape(tensor, text);
      isFirst = false;
    }
    text += "]";
  } else {
    text += "[]";
  }
}

std::string shapesOf(const at::RecordFunction& range) {
  std::string text = "[";
  bool isFirst = true;
  for (const c10::IValue& input : range.inputs()) {
    if (!isFirst) text += ", ";
    describeShape(input, text);
    isFirst = false;
  }
  return text + "]";
}

/// The JavaScript stack, from a function that TypeScript gave. Nothing when an exception is on its way.
int32_t stackNumber(Session& session) {
  bool pending = false;
  if (napi_is_exception_pending(session.env, &pending) != napi_ok || pending) return -1;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(session.env, &scope) != napi_ok) return -1;
  int32_t number = -1;
  napi_value function = nullptr, text = nullptr;
  if (napi_get_reference_value(session.env, session.stackFunction, &function) == napi_ok &&
      napi_call_function(session.env, undefined(session.env), function, 0, nullptr, &text) == napi_ok) {
    std::string stack = toString(session.env, text);
    std::lock_guard<std::mutex> lock(session.mutex);
    number = static_cast<int32_t>(session.number(std::move(stack)));
  }
  napi_close_handle_scope(session.env, scope);
  return number;
}

std::shared_ptr<Session> currentSession() {
  if (sessionOfThread) return sessionOfThread;
  auto* slot = c10::ThreadLocalDebugInfo::get(slotKind());
  return slot == nullptr ? nullptr : static_cast<Session*>(slot)->shared_from_this();
}

std::unique_ptr<at::ObserverContext> onStart(const at::RecordFunction& range) {
  auto session = currentSession();
  if (!session) return nullptr;
  auto open = std::make_unique<OpenRange>();
  Record& record = open->record;
  record.scope = range.scope();
  record.isAsync = range.isAsync();
  record.sequence = range.seqNr();
  record.thread = at::RecordFunction::currentThreadId();
  record.forwardThread = range.forwardThreadId();
  std::string shapes = session->recordShapes && record.scope != at::RecordScope::USER_SCOPE ? shapesOf(range) : std::string();
  {
    std::lock_guard<std::mutex> lock(session->mutex);
    if (!session->isOpen) return nullptr;
    record.name = session->number(range.name());
    if (!shapes.empty()) record.shapes = static_cast<int32_t>(session->number(std::move(shapes)));
  }
  open->isOutermost = depth == 0;
  if (session->stackFunction != nullptr && record.thread == session->thread && open->isOutermost &&
      record.scope == at::RecordScope::FUNCTION)
    record.stack = stackNumber(*session);
  if (record.scope != at::RecordScope::USER_SCOPE) ++depth;
  open->session = std::move(session);
  open->bytesBefore = threadBytes();
  record.start = now();
  return open;
}

void onEnd(const at::RecordFunction&, at::ObserverContext* context) {
  if (context == nullptr) return;
  auto* open = static_cast<OpenRange*>(context);
  Record& record = open->record;
  record.end = now();
  if (at::RecordFunction::currentThreadId() == record.thread) {
    record.bytes = threadBytes() - open->bytesBefore;
    if (record.scope != at::RecordScope::USER_SCOPE && depth > 0) --depth;
  }
  std::lock_guard<std::mutex> lock(open->session->mutex);
  if (open->session->isOpen) open->session->records.push_back(record);
}

/// The numbers of ProfilerEventKind (profiler/event.ts).
double kindNumber(at::RecordScope scope) {
  switch (scope) {
    case at::RecordScope::BACKWARD_FUNCTION:
      return 1;
    case at::RecordScope::TORCHSCRIPT_FUNCTION:
      return 2;
    case at::RecordScope::USER_SCOPE:
      return 3;
    default:
      return 0;
  }
}

}  // namespace

/// profilerStart(record shapes, function that gives the JS stack, or null)
static napi_value profilerStart(napi_env env, napi_callback_info info) {
  Arguments<2> args(env, info);
  if (sessionOfThread) throw CodedError("PROFILER", "this thread is being profiled already; stop that profiler first");
  auto session = std::make_shared<Session>();
  session->recordShapes = toBool(env, args[0]);
  session->thread = at::RecordFunction::currentThreadId();
  if (!isNullish(env, args[1])) {
    session->env = env;
    check(env, napi_create_reference(env, args[1], 1, &session->stackFunction));
  }
  session->startUnixNanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  session->start = now();
  depth = 0;
  c10::ThreadLocalDebugInfo::_push(slotKind(), session);
  sessionOfThread = session;
  observer = at::addThreadLocalCallback(at::RecordFunctionCallback(onStart, onEnd)
                                            .needsInputs(session->recordShapes)
                                            .scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION,
                                                     at::RecordScope::TORCHSCRIPT_FUNCTION, at::RecordScope::USER_SCOPE}));
  return undefined(env);
}

/// profilerStop(): { texts, records: Float64Array of eleven numbers each, startMicroseconds }
static napi_value profilerStop(napi_env env, napi_callback_info) {
  if (!sessionOfThread) throw CodedError("PROFILER", "this thread is not being profiled");
  auto session = std::move(sessionOfThread);
  sessionOfThread.reset();
  at::removeCallback(observer);
  c10::ThreadLocalDebugInfo::_pop(slotKind());
  if (session->stackFunction != nullptr) napi_delete_reference(env, session->stackFunction);
  std::lock_guard<std::mutex> lock(session->mutex);
  session->stackFunction = nullptr;
  session->isOpen = false;

  constexpr size_t kColumns = 11;
  const size_t count = session->records.size();
  void* data = nullptr;
  napi_value buffer = nullptr, records = nullptr, texts = nullptr, result = nullptr;
  check(env, napi_create_arraybuffer(env, count * kColumns * sizeof(double), &data, &buffer));
  check(env, napi_create_typedarray(env, napi_float64_array, count * kColumns, buffer, 0, &records));
  double* out = static_cast<double*>(data);
  for (const Record& record : session->records) {
    const double columns[kColumns] = {static_cast<double>(record.name),
                                      kindNumber(record.scope),
                                      static_cast<double>(record.start - session->start) / 1000,
                                      static_cast<double>(record.end - session->start) / 1000,
                                      static_cast<double>(record.thread),
                                      static_cast<double>(record.forwardThread),
                                      static_cast<double>(record.sequence),
                                      static_cast<double>(record.bytes),
                                      static_cast<double>(record.shapes),
                                      static_cast<double>(record.stack),
                                      record.isAsync ? 1.0 : 0.0};
    out = std::copy(columns, columns + kColumns, out);
  }
  check(env, napi_create_array_with_length(env, session->texts.size(), &texts));
  for (size_t i = 0; i < session->texts.size(); ++i)
    check(env, napi_set_element(env, texts, static_cast<uint32_t>(i), fromString(env, session->texts[i])));
  check(env, napi_create_object(env, &result));
  check(env, napi_set_named_property(env, result, "texts", texts));
  check(env, napi_set_named_property(env, result, "records", records));
  check(env, napi_set_named_property(env, result, "startMicroseconds", fromDouble(env, static_cast<double>(session->startUnixNanoseconds) / 1000)));
  return result;
}

/// profilerEnter(name): a number for profilerExit, 0 when nobody records
static napi_value profilerEnter(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  auto range = std::make_unique<at::RecordFunction>(at::RecordScope::USER_SCOPE);
  if (!range->isActive()) return fromInt64(env, 0);
  range->before(toString(env, args[0]));
  const int64_t number = nextRange++;
  namedRanges.emplace(number, std::move(range));
  return fromInt64(env, number);
}
static napi_value profilerExit(napi_env env, napi_callback_info info) {
  Arguments<1> args(env, info);
  namedRanges.erase(toInt64(env, args[0]));
  return undefined(env);
}

void initProfiler(napi_env env, napi_value exports) {
  define(env, exports, "profilerStart", guarded<profilerStart>);
  define(env, exports, "profilerStop", guarded<profilerStop>);
  define(env, exports, "profilerEnter", guarded<profilerEnter>);
  define(env, exports, "profilerExit", guarded<profilerExit>);
}

}  // namespace lt
