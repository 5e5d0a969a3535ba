// CHECK states what must hold inside Weir whatever arrives from outside. A broken one stops the process:
// going on with a broken invariant could send one client's answer to another.
#pragma once

namespace weir::base {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace weir::base

#define WEIR_CHECK(condition)                        \
  (__builtin_expect(static_cast<bool>(condition), 1) \
       ? (void)0                                     \
       : ::weir::base::check_failed(#condition, __FILE__, __LINE__))
