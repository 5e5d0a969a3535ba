// What a worker counts of each node, route and listener. They outlive snapshots, as what they count does. One
// worker writes a share; whoever scrapes adds the shares up.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/base/error.h"
#include "proxy/base/time.h"
#include "proxy/observe/count.h"
#include "proxy/observe/duration_histogram.h"
#include "proxy/observe/latency.h"
#include "proxy/tls/handshake.h"

namespace weir::observe {

// Answers by the first digit of their status; 0: none came.
class StatusClasses {
 public:
  static constexpr std::array<std::string_view, 6> kNames = {"none", "1xx", "2xx", "3xx", "4xx", "5xx"};

  void add(int status) { counts_[static_cast<std::size_t>(status / 100) % kNames.size()].add(); }
  std::uint64_t get(std::size_t first_digit) const { return counts_[first_digit].get(); }

 private:
  std::array<Count, kNames.size()> counts_;
};

class Reasons {
 public:
  static constexpr std::size_t kSize = static_cast<std::size_t>(base::Reason::internal) + 1;

  void add(base::Reason reason) { counts_[static_cast<std::size_t>(reason)].add(); }
  std::uint64_t get(base::Reason reason) const { return counts_[static_cast<std::size_t>(reason)].get(); }

 private:
  std::array<Count, kSize> counts_;
};

// Of the keys that a hash has chosen a node by, a bit for each of 64 parts that there were any of.
struct KeyBits {
  std::uint64_t asked = 0, failed = 0, slow = 0;

  KeyBits& operator|=(const KeyBits& other) {
    asked |= other.asked, failed |= other.failed, slow |= other.slow;
    return *this;
  }
};

struct alignas(64) NodeShare {
  ~NodeShare() {
    delete latency_.load(std::memory_order_relaxed);
    delete held_up_.load(std::memory_order_relaxed);
  }

  // From the attempt's begin until its final head.
  void note_answer_time(base::Duration span) { note(latency_, span); }
  // Of these, one that came late since the node had been silent, as others did.
  void note_held_up(base::Duration span) { note(held_up_, span); }
  // Answer times of another process. Before the worker counts.
  void begin_with_answer_times(const Latency::Reading& reading) {
    auto latency = std::make_unique<Latency>();
    latency->begin_with(reading);
    latency_.store(latency.release(), std::memory_order_release);
  }
  void note_key(std::uint64_t hash, bool failed, bool slow) {
    const std::uint64_t bit = std::uint64_t{1} << (hash >> 58);
    set(asked_, bit);
    if (failed) set(failed_, bit);
    if (slow) set(slow_, bit);
  }
  // Those since they were taken last, by whoever compares nodes.
  KeyBits keys() const {
    constexpr auto kOrder = std::memory_order_relaxed;
    return {.asked = asked_.load(kOrder), .failed = failed_.load(kOrder), .slow = slow_.load(kOrder)};
  }
  KeyBits take_keys() const {
    constexpr auto kOrder = std::memory_order_relaxed;
    return {.asked = asked_.exchange(0, kOrder),
            .failed = failed_.exchange(0, kOrder),
            .slow = slow_.exchange(0, kOrder)};
  }
  bool has_latency() const { return latency_.load(std::memory_order_acquire) != nullptr; }
  void add_latency_to(Latency::Reading& reading) const {
    if (const Latency* latency = latency_.load(std::memory_order_acquire)) latency->add_to(reading);
  }
  void add_held_up_to(Latency::Reading& reading) const {
    if (const Latency* held_up = held_up_.load(std::memory_order_acquire)) held_up->add_to(reading);
  }

  StatusClasses answers;  // to attempts that reached the node
  Count broken_answers;   // of these, begun and not ended: cut, malformed further on, or silent for too long
  Count failures;         // of the node's own doing: no answer, or a broken one
  Count cancelled;        // attempts that the client or Weir ended before an answer came
  Count connect_refused;
  Count connect_timeout;
  Count retries;  // attempts here that failed and were made again, here or elsewhere
  Count connections_opened;
  Count connections_closed;
  Count connections_reused;
  Count connections_given_up;  // idle ones, or shared ones of HTTP/2, so that another may be made
  Count tunnels_closed;        // `answers` counts those that were opened, as 1xx

 private:
  static void note(std::atomic<Latency*>& times, base::Duration span) {
    Latency* made = times.load(std::memory_order_relaxed);
    if (!made) times.store(made = new Latency, std::memory_order_release);
    made->observe(span);
  }

  static void set(std::atomic<std::uint64_t>& bits, std::uint64_t bit) {
    if ((bits.load(std::memory_order_relaxed) & bit) == 0) bits.fetch_or(bit, std::memory_order_relaxed);
  }

  mutable std::atomic<std::uint64_t> asked_{0}, failed_{0}, slow_{0};  // bits of keys
  std::atomic<Latency*> latency_{nullptr}, held_up_{nullptr};          // made when the worker first uses them
};

// Why a client's connection was ended before anything was said on it.
enum class TurnedAwayFor : std::uint8_t { denied, too_many };
inline constexpr std::array<std::string_view, 2> kTurnedAwayFor = {"denied", "connections_per_client"};

class TurnedAwayCounts {
 public:
  void add(TurnedAwayFor why) { counts_[static_cast<std::size_t>(why)].add(); }
  std::uint64_t get(TurnedAwayFor why) const { return counts_[static_cast<std::size_t>(why)].get(); }

 private:
  std::array<Count, kTurnedAwayFor.size()> counts_;
};

struct alignas(64) RouteShare {
  DurationHistogram duration;  // whole exchanges, but for tunnels, whose length says nothing of the node
  StatusClasses answers;       // to clients
  Reasons failures;
  Count over_rate;  // requests that came too fast, and were let through (rate_limit.dry_run)
  Count shed;       // that were answered 503, since Weir was overloaded

  void note(base::Duration total, int status, base::Reason reason) {
    if (status != 101) duration.observe(total);
    answers.add(status);
    if (reason != base::Reason::none) failures.add(reason);
  }
};

// What a client connection is about.
enum class ClientState : std::uint8_t {
  idle,     // waiting for a request
  reading,  // part of a head has arrived, or what comes before one: TLS, a PROXY header, a name
  active,   // a request is in flight
  tunnel,
  closing,  // the client takes the end of its last answer
};
inline constexpr std::array<std::string_view, 5> kClientStates = {"idle", "reading", "active", "tunnel",
                                                                  "closing"};

// TLS handshakes with clients that are over.
class Handshakes {
 public:
  void add(tls::Version version, bool resumed) {
    done_[static_cast<std::size_t>(version)][resumed ? 1 : 0].add();
  }
  void add(tls::Failure why) { failed_[static_cast<std::size_t>(why)].add(); }
  std::uint64_t get(tls::Version version, bool resumed) const {
    return done_[static_cast<std::size_t>(version)][resumed ? 1 : 0].get();
  }
  std::uint64_t get(tls::Failure why) const { return failed_[static_cast<std::size_t>(why)].get(); }

 private:
  std::array<std::array<Count, 2>, tls::kVersions.size()> done_;
  std::array<Count, tls::kFailures.size()> failed_;
};

// Why a connection that was to begin with a header of the PROXY protocol was closed instead.
enum class ProxyHeaderFailure : std::uint8_t { missing, malformed, timeout };
inline constexpr std::array<std::string_view, 3> kProxyHeaderFailures = {"missing", "malformed", "timeout"};

class ProxyHeaders {
 public:
  void add(ProxyHeaderFailure why) { failed_[static_cast<std::size_t>(why)].add(); }
  std::uint64_t get(ProxyHeaderFailure why) const { return failed_[static_cast<std::size_t>(why)].get(); }

 private:
  std::array<Count, kProxyHeaderFailures.size()> failed_;
};

struct alignas(64) ListenerShare {
  Count accepted;
  Count closed;
  Count received_bytes;
  Count sent_bytes;
  Count requests;
  Reasons refused;  // answered by Weir itself, without a node
  Count redirects;  // sent to https
  Count over_rate;  // as RouteShare's
  TurnedAwayCounts turned_away;
  Handshakes handshakes;
  ProxyHeaders proxy_headers;
  // Connections that were ended for going beyond a limit of HTTP/2, by codec::H2Limit.
  std::array<Count, 12> h2_limits;
  std::array<Count, kClientStates.size()> clients;  // open now, by state

  Count& clients_in(ClientState state) { return clients[static_cast<std::size_t>(state)]; }
};

using NodeCounts = PerWorker<NodeShare>;
using RouteCounts = PerWorker<RouteShare>;
using ListenerCounts = PerWorker<ListenerShare>;

// Connections that are open now. Each share may be read between its two counts, but the sum is never below
// zero.
std::uint64_t open_connections(const NodeCounts& counts);
std::uint64_t open_connections(const ListenerCounts& counts);
std::uint64_t open_tunnels(const NodeCounts& counts);  // likewise

}  // namespace weir::observe
