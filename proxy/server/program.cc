#include "proxy/server/program.h"

#include <sys/auxv.h>

#include <bit>
#include <filesystem>
#include <system_error>

namespace weir::server {
namespace {

// What exec was told. Where that leads through /proc (the binary was started by a descriptor), what is
// behind.
std::string path_of_binary() {
  std::error_code unknown;
  const auto* told = std::bit_cast<const char*>(::getauxval(AT_EXECFN));
  std::filesystem::path path = told != nullptr ? told : "";
  if (path.empty() || path.string().starts_with("/proc/") || path.string().starts_with("/dev/fd/"))
    path = std::filesystem::read_symlink("/proc/self/exe", unknown);
  return std::filesystem::absolute(path, unknown).string();
}

}  // namespace

Program Program::of_this_process(int argc, char** argv) {
  Program program;
  program.path = path_of_binary();
  program.arguments.assign(argv, argv + argc);
  pthread_sigmask(SIG_SETMASK, nullptr, &program.blocked_signals);
  return program;
}

}  // namespace weir::server
