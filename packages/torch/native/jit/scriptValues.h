#pragma once
// What goes into TorchScript methods, by the types their schemas give, and what comes out of traced functions.

#include <ATen/core/jit_type.h>

#include "schemaValues.h"

namespace lt {

/// The boxed value of `type` that a JS value stands for. Lists, tuples and dicts nest to any depth: arrays, objects and
/// Maps in JavaScript. `where` names the value in errors ("x", "x[0]", "x.mask"). Throws SCRIPT_ARGUMENTS.
c10::IValue scriptValue(napi_env env, napi_value value, const c10::TypePtr& type, const std::string& where);

/// The boxed value of a JS value whose type nobody says: tensors, null, and arrays and objects of those (tuples, and
/// dicts whose values have one type); with `allowsPlain` numbers, booleans and strings as well. Throws SCRIPT_ARGUMENTS.
c10::IValue untypedValue(napi_env env, napi_value value, const std::string& where, bool allowsPlain);

/// Calls fn(key, value) for each entry of an object or a Map.
template <typename Fn>
void forEachEntry(napi_env env, napi_value object, Fn fn);

bool isMap(napi_env env, napi_value value);
napi_value entriesOf(napi_env env, napi_value object);

template <typename Fn>
void forEachEntry(napi_env env, napi_value object, Fn fn) {
  forEachElement(env, entriesOf(env, object), [&](napi_value entry) {
    napi_value key = nullptr, value = nullptr;
    check(env, napi_get_element(env, entry, 0, &key));
    check(env, napi_get_element(env, entry, 1, &value));
    fn(key, value);
  });
}

}  // namespace lt
