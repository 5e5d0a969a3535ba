// Whether a failed attempt is followed by another, where, after what pause, and whether the retry budget pays
// for it. Functions of their arguments: nothing is counted here.
#pragma once

#include <cstdint>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/config/config.h"
#include "proxy/http/message.h"

namespace weir::policy {

// Whether it does no harm if a node gets the request twice: its method says so (RFC 9110 9.2.2), or its
// client has named it by an Idempotency-Key, by which nodes know that they have had it.
bool is_repeatable(const http::Request& request);

// Whether an answer of that status is dropped for another try.
bool is_listed(const config::Retry& terms, int status);

struct FailedAttempt {
  base::Error error;
  bool repeatable = true;
  bool reused_connection = false;  // it had served a request before
  bool late = false;               // it ended long after it was asked: not as the request came
  bool body_whole = true;          // every body byte received so far can be sent again
  std::uint32_t attempts = 1;      // attempts that reached a node, this one included
  std::uint32_t most_attempts = 3;
  std::uint32_t declined = 0;  // attempts before it that their nodes declined
  bool all_decline = false;    // as are_all_declining() has it
  bool many_lost = false;      // as are_many_lost() has it
};

// A kept connection ended under the request, without an answer.
bool lost_kept(const FailedAttempt& failed);

enum class Verdict : std::uint8_t {
  give_up,
  other_node,        // another node where there is one
  fresh_connection,  // the same node: its idle connection was at its end, which says nothing of the node
};

Verdict judge(const FailedAttempt& failed);

// Whether only the number of attempts stands against another one.
bool is_out_of_attempts(FailedAttempt failed);

// Whether what follows is paid for by the retry budget, and paused before: not where no byte of the request
// had been sent, nor where the end of the connection says nothing of the node, nor when a request is declined
// for the first time, by a node that others stand in for. Nor where a kept connection ended under the
// request, as the death of a node has it, unless that is what nodes do.
bool costs(const FailedAttempt& failed, Verdict verdict);

// Whether a pool's nodes decline what another has declined, too: more than ten of its recent requests, and
// more than one in fifty of them, were declined twice.
bool are_all_declining(std::uint64_t declined_twice, std::uint64_t recent);

// Whether nodes end kept connections instead of answering: more than thirty times of late, and under more
// than one in a hundred of the pool's recent requests. What a node takes with it at a time counts once.
bool are_many_lost(std::uint64_t lost, std::uint64_t recent);

// The pause before the next try, of which so many have been paused before: anything from none at all up to
// twice as much each time, ten times the base at most, as `random` has it.
base::Duration pause(base::Duration base, std::uint32_t pauses_before, std::uint64_t random);

}  // namespace weir::policy
