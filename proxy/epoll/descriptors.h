// How many descriptors the process has, and whether a new client may take one. Transports are counted as they
// come and go; everything else is what measure() found open. Some are always kept back (64, or 2 % of the
// limit if that is more; a quarter where the limit is small) for connections to nodes, logs and reloads. Any
// thread.
#pragma once

#include <cstdint>

namespace weir::epoll::descriptors {

// Lifts the soft limit (RLIMIT_NOFILE) to the hard one, and measures.
void raise_limit();
// Reads the limit and counts what is open now. Done by itself at the first use.
void measure();

void opened();
void closed();
// No: a listener that accepted now would eat into what is kept back.
bool plenty();
// No: a connection to a node that was made now would eat into the last ones, a quarter of what is kept back.
bool more_than_last();
std::int64_t kept_back();
std::int64_t limit();
std::int64_t in_use();

}  // namespace weir::epoll::descriptors
