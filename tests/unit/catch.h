// Catch2 under either of its two names (2.x on Debian 12, 3.x on Debian 13).
#pragma once

#ifdef WEIR_CATCH2_V2
#include <catch2/catch.hpp>
#else
#include <catch2/catch_all.hpp>
#endif
