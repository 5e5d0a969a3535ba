// Whether a configuration that has just come into force does well: the judgement of one pool, by what it was
// before. A pure function.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace weir::policy {

// How one pool stands.
struct PoolStanding {
  std::uint64_t wanted = 0;     // nodes that are to take requests
  std::uint64_t eligible = 0;   // of them, that may
  std::uint64_t undecided = 0;  // of them, that wait for their first check's verdict
  std::uint64_t answers = 0;    // to clients, in some span of time
  std::uint64_t errors = 0;     // of them, with 5xx
};

enum class Moment : std::uint8_t { during, at_end };  // of the guard's time

// Why it does badly: fewer than `min_healthy` percent of its nodes may take requests, and fewer than before;
// or clearly more of its answers are errors than before. None: it does well, or nobody can tell yet. `before`
// is none for a pool that is new.
std::optional<std::string> objection(const PoolStanding& now, const std::optional<PoolStanding>& before,
                                     std::uint32_t min_healthy, Moment moment);

}  // namespace weir::policy
