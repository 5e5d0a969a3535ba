// OpenSSL 3 has no other way for a thread's own random bytes.
#define OPENSSL_SUPPRESS_DEPRECATED

#include "tests/sim/trial_chance.h"

#include <openssl/rand.h>

#include <utility>

#include "proxy/base/check.h"

namespace weir::sim {
namespace {

thread_local SimRandom* chance_of_thread = nullptr;

int draw(unsigned char* to, int size) {
  if (chance_of_thread == nullptr) return RAND_OpenSSL()->bytes(to, size);
  std::uint64_t drawn = 0;
  for (int i = 0; i < size; ++i, drawn >>= 8) {
    if (i % 8 == 0) drawn = chance_of_thread->next();
    to[i] = static_cast<unsigned char>(drawn);
  }
  return 1;
}

void install() {
  static const RAND_METHOD method = {
      .seed = nullptr, .bytes = draw, .cleanup = nullptr, .add = nullptr, .pseudorand = draw, .status = [] {
        return 1;
      }};
  static const bool installed = RAND_set_rand_method(&method) == 1;
  WEIR_CHECK(installed);
}

}  // namespace

TrialChance::TrialChance(std::uint64_t seed)
    : random_(seed), before_(std::exchange(chance_of_thread, &random_)) {
  install();
}

TrialChance::~TrialChance() {
  chance_of_thread = before_;
}

}  // namespace weir::sim
