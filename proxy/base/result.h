// A value or the reason there is none. Never thrown, never ignored.
#pragma once

#include <expected>
#include <utility>

#include "proxy/base/error.h"

namespace weir::base {

template <class T, class E = Error>
class [[nodiscard]] Result : public std::expected<T, E> {
 public:
  using std::expected<T, E>::expected;
};

using std::unexpected;

}  // namespace weir::base
