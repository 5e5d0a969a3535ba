// The program for libFuzzer: WEIR_FUZZ_TARGET names the target.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "proxy/base/log.h"
#include "tests/fuzz/target.h"

namespace {

const weir::fuzz::Target* chosen = nullptr;

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  weir::base::detail::least_logged = static_cast<weir::base::LogLevel>(255);
  const char* name = std::getenv("WEIR_FUZZ_TARGET");
  chosen = weir::fuzz::Target::find(name != nullptr ? name : "");
  if (chosen != nullptr) return 0;
  std::fprintf(stderr, "WEIR_FUZZ_TARGET is none of:");
  for (const weir::fuzz::Target* each : weir::fuzz::Target::all())
    std::fprintf(stderr, " %.*s", static_cast<int>(each->name.size()), each->name.data());
  std::fprintf(stderr, "\n");
  std::exit(1);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->run({reinterpret_cast<const char*>(data), size});
  return 0;
}
