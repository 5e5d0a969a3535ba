#include "proxy/core/discovery.h"

#include <algorithm>
#include <utility>

#include "proxy/base/log.h"

namespace weir::core {
namespace {

constexpr base::Duration kFloor = std::chrono::seconds(1);

}  // namespace

// One name and its clock. Lookups under way hold it weakly, so that it may go meanwhile.
class Discovery::Name final : public std::enable_shared_from_this<Name>, io::TimerHandler {
 public:
  Name(Discovery& owner, std::string host, base::Duration interval)
      : owner_(owner), timer_(owner.runtime_.timers(), *this), host_(std::move(host)), interval_(interval) {}

  const std::string& host() const { return host_; }
  void set_interval(base::Duration interval) { interval_ = interval; }
  void look_up() {
    base::log_debug("looking up {}", host_);
    owner_.runtime_.resolve(host_,
                            [weak = weak_from_this()](base::Result<std::vector<io::Ip>, std::string> answer) {
                              if (auto name = weak.lock()) name->owner_.answered(*name, std::move(answer));
                            });
  }
  // There is an answer, a new one or the last good one.
  void ask_at_interval() {
    ask_in(interval_);
    backoff_ = kFloor;
  }
  // A name that has never been resolved is asked for again soon, then less and less often.
  void ask_soon() {
    ask_in(std::min(interval_, backoff_));
    backoff_ = std::min(interval_, backoff_ * 2);
  }
  bool failing = false;

 private:
  void on_timer() override { look_up(); }
  void ask_in(base::Duration wait) { timer_.set(base::deadline(owner_.runtime_.now(), wait)); }

  Discovery& owner_;
  io::Timer timer_;
  const std::string host_;
  base::Duration interval_;
  base::Duration backoff_ = kFloor;
};

Discovery::~Discovery() = default;

void Discovery::watch(const config::Config& config) {
  std::map<std::string, base::Duration> wanted;
  for (const config::Pool& pool : config.pools)
    for (const config::Node& node : pool.nodes)
      if (node.address.kind == io::Address::Kind::name) {
        auto [it, added] = wanted.try_emplace(node.address.text_, pool.resolve_interval);
        if (!added) it->second = std::min(it->second, pool.resolve_interval);
      }
  std::erase_if(watched_, [&](const auto& item) { return !wanted.contains(item.first); });
  std::erase_if(names_, [&](const auto& item) { return !wanted.contains(item.first); });
  for (const auto& [host, interval] : wanted) {
    std::shared_ptr<Name>& name = watched_[host];
    if (name) {
      name->set_interval(interval);
      continue;
    }
    name = std::make_shared<Name>(*this, host, interval);
    name->look_up();
  }
}

bool Discovery::all_asked() const {
  return std::all_of(watched_.begin(), watched_.end(),
                     [&](const auto& item) { return item.second->failing || names_.contains(item.first); });
}

void Discovery::answered(Name& name, base::Result<std::vector<io::Ip>, std::string> answer) {
  auto known = names_.find(name.host());
  if (!answer) {
    if (!name.failing)
      base::log_warning(
          "cannot resolve {}: {}; {}", name.host(), answer.error(),
          known == names_.end() ? "its pool goes without it until it resolves" : "the last answer is kept");
    name.failing = true;
    if (known == names_.end())
      name.ask_soon();
    else
      name.ask_at_interval();
    return failed_();
  }
  const bool failed_before = std::exchange(name.failing, false);
  name.ask_at_interval();
  if (known != names_.end() && known->second == *answer) {
    base::log_at(failed_before ? base::LogLevel::info : base::LogLevel::debug,
                 "{} resolves to the addresses that it had before; they stay", name.host());
    return;
  }
  std::string list;
  for (const io::Ip& ip : *answer) list += (list.empty() ? "" : ", ") + ip.text();
  base::log_info("resolved {} to {}; these are its nodes from now on", name.host(), list);
  names_[name.host()] = std::move(*answer);
  changed_();
}

}  // namespace weir::core
