#pragma once
// A process group as JavaScript holds it.

#include "c10d.h"

#ifdef LT_C10D

#include <node_api.h>

#include <string>

#include "../values.h"

namespace lt {

struct GroupBox {
  const BoxKind kind = BoxKind::kGroup;
  std::string name;
  int rank = 0;
  int size = 1;
  c10::intrusive_ptr<C10dBackend> backend;
  c10::intrusive_ptr<c10d::ProcessGroup> group;  // what the reducer wants; in libtorch 1.x the backend itself
};

/// Throws DISTRIBUTED_NOT_INITIALIZED when the group was destroyed.
GroupBox& groupArgument(napi_env env, napi_value value);
/// The box of a collective's work, for promises and waiting.
napi_value wrapWork(napi_env env, const GroupBox& group, const char* collective, WorkPtr work, double timeoutMs);
/// The future of a work that JavaScript hands back; throws when the backend gives none.
FuturePtr futureArgument(napi_env env, napi_value value);

}  // namespace lt

#endif
