// getaddrinfo by script, preloaded into Weir by test_host_names.py: it answers from the file that
// WEIR_SCRIPTED_NAMES names, read anew at each lookup, and never asks the network. A line is a name and what
// it has: addresses; nothing, for a name that does not exist; or `hold`, and the lookup waits until the line
// says otherwise. Every lookup first adds its name to the file's sibling `.asked`.
#include <dlfcn.h>
#include <netdb.h>

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>

namespace {

const char* script() {
  const char* path = std::getenv("WEIR_SCRIPTED_NAMES");
  return path != nullptr ? path : "";
}

std::string line_of(const std::string& name) {
  std::ifstream file(script());
  std::string line, first;
  while (std::getline(file, line)) {
    std::istringstream words(line);
    if (words >> first && first == name) return line.substr(name.size());
  }
  return {};
}

using Lookup = int(const char*, const char*, const addrinfo*, addrinfo**);

// One address, by the C library.
addrinfo* read_address(const std::string& text, const addrinfo* hints) {
  static Lookup* const real = reinterpret_cast<Lookup*>(::dlsym(RTLD_NEXT, "getaddrinfo"));
  addrinfo numeric = hints != nullptr ? *hints : addrinfo{};
  numeric.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  return real(text.c_str(), nullptr, &numeric, &found) == 0 ? found : nullptr;
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int getaddrinfo(const char* name, const char*,
                                                                  const addrinfo* hints, addrinfo** found) {
  std::ofstream(std::string(script()) + ".asked", std::ios::app) << std::string(name) + '\n';
  std::string line;
  while ((line = line_of(name)).find("hold") != line.npos)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::istringstream words(line);
  addrinfo** end = found;
  *end = nullptr;
  for (std::string text; words >> text;)
    for (*end = read_address(text, hints); *end != nullptr;) end = &(*end)->ai_next;
  return *found != nullptr ? 0 : EAI_NONAME;
}
