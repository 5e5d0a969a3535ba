// What the kernel's error numbers mean, in words.
#pragma once

#include <cstring>
#include <string_view>

namespace weir::epoll {

inline std::string_view in_words(int error) {
  const char* text = ::strerrordesc_np(error);
  return text != nullptr ? text : "unknown error";
}

}  // namespace weir::epoll
