// The bodies of requests that change something, as docs/api.md has them: JSON objects, read as strictly as
// the configuration, with the same words, ranges and suggestions. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "proxy/admin/operations.h"
#include "proxy/base/result.h"

namespace weir::admin {

struct BodyError {
  int status = 422;  // 400: it is no JSON object
  std::string text;  // what is wrong, and what is allowed
};
template <class T>
using FromBody = base::Result<T, BodyError>;

// What is to be done, but for pool, address of a change, and author.
FromBody<NodeOrder> read_change(std::string_view body);
FromBody<NodeOrder> read_add(std::string_view body);
FromBody<base::Duration> read_drain_time(std::string_view body);  // may be empty
// One that says nothing: empty, or {}.
FromBody<void> read_nothing(std::string_view body);

}  // namespace weir::admin
