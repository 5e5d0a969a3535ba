// Catch2 under either of its two names (2.x on Debian 12, 3.x on Debian 13).
#pragma once

#ifdef WEIR_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif

// Under a sanitizer all takes many times as long, and fewer rounds find what it is there for.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
