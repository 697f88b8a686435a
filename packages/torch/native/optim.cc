#include "environment.h"
namespace lt {
void initOptim(napi_env, napi_value) {}
}
