#include "tests/sim/trial_book.h"

#include <charconv>
#include <chrono>
#include <utility>

#include "proxy/core/fleet.h"

namespace weir::sim {

using namespace std::chrono_literals;

TrialBook::TrialBook(const SimWorld& world, const TrialPlan& plan, Trace trace)
    : world_(world), plan_(plan), trace_(trace) {
  for (const ClientPlan& client : plan.clients) {
    if (entries_.size() <= client.number) entries_.resize(client.number + 1);
    std::vector<RequestEntry>& entries = entries_[client.number];
    entries.resize(client.requests.size());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      entries[i].plan = &client.requests[i];
      entries[i].client = &client;
    }
  }
}

RequestId TrialBook::id_in(std::string_view target) {
  constexpr std::string_view kPath = "/q/";
  RequestId id = UINT32_MAX;
  if (target.starts_with(kPath))
    std::from_chars(target.data() + kPath.size(), target.data() + target.size(), id);
  return id;
}

void TrialBook::check_tunnels() {
  for (const auto& entries : entries_)
    for (const RequestEntry& entry : entries)
      if (entry.tunnel_ended_early && entry.status == 101)
        broken("a tunnel of client {} ended at its node before all had come, as if it were all",
               entry.client->number);
}

void TrialBook::check_records() {
  for (std::size_t client = 0; client < entries_.size(); ++client)
    for (std::size_t i = 0; i < entries_[client].size(); ++i) {
      const RequestEntry& entry = entries_[client][i];
      const std::size_t id = client << 16 | i;
      // A head that was broken or late is no exchange.
      const bool answered = entry.status != 0 && entry.status != 400 && entry.status != 408;
      if (answered && entry.records != 1)
        broken("request {} was answered {}, and left {} records", id, entry.status, entry.records);
      if (entry.shed && (entry.tries > 0 || (entry.status != 0 && entry.status != 503)))
        broken("request {} was shed, and reached {} nodes and was answered {}", id, entry.tries,
               entry.status);
      if (entry.records > 1 || (entry.records == 0 && entry.tries > 0))
        broken("request {} reached {} nodes, and left {} records", id, entry.tries, entry.records);
      if (entry.attempts < entry.tries)
        broken("request {} reached {} nodes, and left records of {} attempts", id, entry.tries,
               entry.attempts);
    }
}

void TrialBook::begins(std::uint32_t process, std::set<std::string> not_up) {
  lives_.resize(process + 1);
  lives_[process].not_up = std::move(not_up);
}

base::Duration TrialBook::most_reaction() const {
  const SimRules& rules = plan_.rules;
  return 200ms + 2 * rules.max_mail_delay + 8 * rules.max_delay + 8 * rules.max_lag + 2 * rules.max_timer_lag;
}

// One that is being made already comes before it.
base::Duration TrialBook::most_making() const {
  return 2 * (core::Fleet::kWait + 3 * plan_.rules.max_mail_delay) + kConnectTimeout + most_reaction();
}

void TrialBook::add_line(std::string line) {
  const auto at = std::chrono::duration<double>(world_.now().time_since_epoch() - std::chrono::hours(1));
  lines_.push_back(fmt::format("{:10.6f}  {}", at.count(), std::move(line)));
}

void TrialBook::add_violation(std::string text) {
  tell("BROKEN: {}", text);
  violations_.push_back(std::move(text));
}

}  // namespace weir::sim
