#include "proxy/core/prober.h"

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/core/agent.h"

namespace weir::core {

Prober::Prober(io::Runtime& runtime, std::uint64_t seed, std::size_t most_at_once,
               NodeChangeBatch::Tell changed, std::function<void()> begun)
    : runtime_(runtime),
      rng_(seed),
      most_at_once_(std::max<std::size_t>(most_at_once, 1)),
      changes_(runtime, std::move(changed)),
      begun_(std::move(begun)),
      pace_(runtime.timers(), *this) {}

Prober::~Prober() {
  stop();
  runtime_.graveyard().clear();  // calls that still know of the scratch
}

void Prober::stop() {
  pools_.clear();
}

void Prober::watch(const Snapshot& snapshot) {
  std::set<std::string_view> checked;
  for (const SnapshotPool& pool : snapshot.pools) {
    const config::Pool& config = snapshot.config.pools[pool.config];
    if (!config.health) {
      let_go(pool);
      continue;
    }
    checked.insert(pool.name);
    watch(pool, config);
  }
  std::erase_if(pools_, [&](const auto& item) { return !checked.contains(item.first); });
  begun_is_told_ = false;
  runtime_.defer(*this);
}

void Prober::watch(const SnapshotPool& pool, const config::Pool& config) {
  std::unique_ptr<CheckedPool>& slot = pools_[pool.name];
  if (slot && slot->plan().settings == *config.health && slot->plan().protocol == config.protocol &&
      slot->plan().proxy_protocol == config.proxy_protocol &&
      tls::alike(slot->plan().tls, config.settings.value)) {
    slot->use(config);
    return slot->watch(pool, CheckedPool::States::fresh);
  }
  const auto states = slot ? CheckedPool::States::kept : CheckedPool::States::fresh;
  const auto phase = slot ? slot->phase() : CheckedPool::Phase::empty;
  slot = std::make_unique<CheckedPool>(*this, pool.name, config, phase);
  slot->watch(pool, states);
}

void Prober::let_go(const SnapshotPool& pool) {
  for (const auto& endpoint : pool.endpoints) {
    if (forget_agent(*endpoint, pool.name, runtime_)) changes_.note(pool.name, endpoint);
    const balancer::Health word = endpoint->node->state().health;
    if (!endpoint->node->set_health(balancer::Health::unknown)) continue;
    endpoint->history.note({.wall_ms = runtime_.wall_ms(),
                            .word = NodeWord::health,
                            .from = std::string(balancer::word(word)),
                            .to = std::string(balancer::word(balancer::Health::unknown)),
                            .reason = "its pool is not checked any more"});
    changes_.note(pool.name, endpoint);
  }
}

bool Prober::begun() const {
  return std::all_of(pools_.begin(), pools_.end(), [](const auto& item) { return item.second->begun(); });
}

void Prober::be_due(DueCheck& check) {
  if (!check.linked()) due_.push_back(check);
  runtime_.defer(*this);
}

void Prober::check_ended() {
  --under_way_;
  runtime_.defer(*this);
}

void Prober::run_deferred() {
  start_due();
  if (begun_is_told_ || !begun()) return;
  begun_is_told_ = true;
  begun_();
}

void Prober::on_timer() {
  start_due();
}

void Prober::start_due() {
  const base::Time now = runtime_.now();
  next_start_ = std::max(next_start_, now - base::Duration(kBurst * kSpacing));
  for (; !due_.empty() && next_start_ < now && under_way_ < most_at_once_; next_start_ += kSpacing) {
    ++under_way_;
    due_.pop_front().check();
  }
  if (!due_.empty() && under_way_ < most_at_once_) pace_.set(next_start_ + kSpacing);
}

void Prober::note_not_made(const std::string& why) {
  if (warned_ != base::Time::min() && runtime_.now() - warned_ < kBetweenWarnings) return;
  warned_ = runtime_.now();
  base::log_warning("a node could not be checked: {}; such checks are repeated, and count for nothing", why);
}

}  // namespace weir::core
