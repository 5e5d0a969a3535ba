// What the peers of one trial know together: of each request how it went on both sides, what was broken, how
// often each fault struck, and, for whoever reads along, what happened when.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <fmt/format.h>

#include "proxy/core/exchange_table.h"
#include "tests/sim/sim_world.h"
#include "tests/sim/trial_plan.h"

namespace weir::sim {

using RequestId = std::uint32_t;
using TrialCells =
    std::array<std::array<std::uint64_t, core::ExchangeTable::kEvents>, core::ExchangeTable::kStates>;

struct RequestEntry {
  static constexpr std::uint64_t kNever = UINT64_MAX;

  const RequestPlan* plan = nullptr;
  base::Time asked_at{};  // its client began to send it
  const ClientPlan* client = nullptr;
  std::uint32_t tries = 0;          // nodes that have read its head
  std::uint32_t declined = 0;       // others, that did not take it (RFC 9113 8.7)
  std::uint32_t crossed = 0;        // of these, on a kept connection that its node ended without a word
  std::uint32_t begun_answers = 0;  // heads of final answers that nodes have sent
  base::Time tried_at{};            // when the first of them did
  std::vector<std::uint64_t> whole_sizes;  // of each try's body, if it can end whole
  base::Time moved_at{};                   // when a byte of it came to a node or went from there
  bool tunnel_ended_early = false;         // its node read an end where the client had more
  bool ended = false;                      // answered whole, or given up by its client
  int status = 0;                          // that its client read
  std::uint64_t read_size = 0;             // of the body that its client has read of the present answer
  base::Time read_at{};                    // when it did
  std::vector<std::string> nodes;          // of each try
  std::string cookie, session;             // that its client brings of Weir's, and the node that it names
  bool brings_cookies = false;             // others, too
  std::uint32_t records = 0;               // that Weir left of it, where the plan is traced
  std::uint32_t attempts = 0;              // of which it has records
  bool shed = false;                       // since Weir was overloaded
};

// What else clients that keep cookies bring; nodes get that alone.
inline constexpr std::string_view kOtherCookie = "a=b";

inline std::uint64_t whole_size(const RequestEntry& entry, std::uint32_t attempt) {
  return attempt < entry.whole_sizes.size() ? entry.whole_sizes[attempt] : RequestEntry::kNever;
}

// The bodies of one request: what they are told apart by.
enum class BodyRole : std::uint8_t { request = 0, to_tunnel = 1, from_tunnel = 2, answer = 3 };
inline std::uint64_t body_stream(RequestId id, BodyRole role, std::uint32_t attempt = 0) {
  return std::uint64_t{id} * 64 + static_cast<std::uint64_t>(role) + attempt;
}

class TrialBook {
 public:
  // `trace`: lines are kept.
  enum class Trace : std::uint8_t { off, on };
  TrialBook(const SimWorld& world, const TrialPlan& plan, Trace trace);

  const TrialPlan& plan() const { return plan_; }
  // Something keeps Weir from its work until then; or makes it check nodes anew, or not at all.
  void disturbed(base::Time until) { disturbed_ = std::max(disturbed_, until); }
  void unsettled(base::Time until) { unsettled_ = std::max(unsettled_, until); }
  // From now on its pool is another one, of the same nodes. Requests from before stay with theirs.
  void renamed() { renamed_ = world_.now(); }
  base::Time renamed_at() const { return renamed_; }
  // Since when it works, and knows its nodes.
  base::Time undisturbed_since() const { return std::max(disturbed_, world_.leapt_at()); }
  base::Time settled_since() const { return std::max(undisturbed_since(), unsettled_); }
  // In which Weir hears of what was said or has become due, and does it; and its peers hear of that.
  base::Duration most_reaction() const;
  // In which another configuration is in force, and attempts from before have begun.
  base::Duration most_making() const;
  // A process of Weir begins, and to the one before it these nodes were not up.
  void begins(std::uint32_t process, std::set<std::string> not_up);
  // It lists these nodes; what it knew of others has gone with them.
  void lists(std::uint32_t process, const std::set<std::string>& nodes) {
    listed_at_ = world_.now();
    std::erase_if(lives_.at(process).not_up, [&](const std::string& node) { return !nodes.contains(node); });
  }
  // Another configuration may have come into force.
  bool relisted_since(base::Time at) const { return base::deadline(listed_at_, most_making()) >= at; }
  // Another one has taken its place, and hears of operators instead. kNever: it has not.
  void leaves(std::uint32_t process) { lives_.at(process).left_at = world_.now(); }
  base::Time left_at(std::uint32_t process) const { return lives_.at(process).left_at; }
  bool began_without(std::uint32_t process, const std::string& node) const {
    return lives_.at(process).not_up.contains(node);
  }
  static RequestId id_of(const ClientPlan& client, std::size_t request) {
    return client.number << 16 | static_cast<RequestId>(request);
  }
  RequestEntry* find(RequestId id) {
    const std::size_t client = id >> 16, request = id & 0xffff;
    return client < entries_.size() && request < entries_[client].size() ? &entries_[client][request]
                                                                         : nullptr;
  }
  // "/q/ID", as clients ask; UINT32_MAX, which nobody sends, for other targets.
  static RequestId id_in(std::string_view target);
  // Of each request that a node has read, or whose client has read an answer, there is one record, and one of
  // each of its attempts at least.
  void check_records();
  // Each of Weir's cookies names one node. False: another one than before.
  bool note_cookie(const std::string& value, const std::string& node) {
    return cookies_.try_emplace(value, node).first->second == node;
  }
  const std::string& node_of_cookie(const std::string& value) const { return cookies_.at(value); }
  // A tunnel that the client had has brought its node all of its bytes, or was cut visibly.
  void check_tunnels();

  template <class... Args>
  void tell(fmt::format_string<Args...> format, Args&&... args) {
    if (trace_ == Trace::on) add_line(fmt::format(format, std::forward<Args>(args)...));
  }
  // What may never be. The first one is what the trial failed by.
  template <class... Args>
  void broken(fmt::format_string<Args...> format, Args&&... args) {
    add_violation(fmt::format(format, std::forward<Args>(args)...));
  }
  void struck(std::string_view fault) { ++faults_[fault]; }
  bool has_struck(std::string_view fault) const { return faults_.contains(fault); }

  bool good() const { return violations_.empty(); }
  const std::vector<std::string>& violations() const { return violations_; }
  const std::vector<std::string>& lines() const { return lines_; }
  const std::unordered_map<std::string_view, std::uint64_t>& faults() const { return faults_; }

  std::uint64_t answered = 0;  // requests that were answered whole by a node
  std::uint64_t refused = 0;   // by Weir itself
  std::uint64_t cut = 0;       // their answers, visibly
  std::uint64_t lost = 0;      // without an answer, with their connection
  // Bytes that clients have sent through TLS, and read through it.
  std::uint64_t tls_sealed = 0, tls_opened = 0;

 private:
  struct Life {
    std::set<std::string> not_up;
    base::Time left_at = base::kNever;
  };

  void add_line(std::string line);
  void add_violation(std::string text);

  const SimWorld& world_;
  base::Time disturbed_ = base::Time::min(), unsettled_ = base::Time::min();
  base::Time renamed_ = base::Time::min();
  const TrialPlan& plan_;
  const Trace trace_;
  base::Time listed_at_{};
  std::vector<Life> lives_{1};                            // by process
  std::vector<std::vector<RequestEntry>> entries_;        // by client and request
  std::unordered_map<std::string, std::string> cookies_;  // nodes, by values
  std::unordered_map<std::string_view, std::uint64_t> faults_;
  std::vector<std::string> violations_, lines_;
};

}  // namespace weir::sim
