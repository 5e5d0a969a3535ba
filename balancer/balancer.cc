#include "balancer/balancer.h"

#include <cstdlib>
#include <utility>

#include "balancer/strategies.h"
#include "balancer/tiered.h"

namespace weir::balancer {
namespace {

std::unique_ptr<Strategy> strategy_for(const NodeSet& nodes, std::string_view name) {
  auto strategy = make_strategy(name);
  if (!strategy || !nodes.is_tiered()) return strategy;
  return std::make_unique<Tiered>(name);
}

}  // namespace

Balancer::Balancer(std::shared_ptr<const NodeSet> nodes, std::string_view strategy_name, Rng seed)
    : rng_(seed), eligible_(std::move(nodes)), strategy_(strategy_for(eligible_.nodes(), strategy_name)) {
  if (!strategy_) std::abort();
  strategy_->rebuild(eligible_, rng_);
}

Balancer::Balancer(std::vector<std::shared_ptr<Node>> nodes, std::string_view strategy_name, Rng seed)
    : Balancer(std::make_shared<const NodeSet>(std::move(nodes)), strategy_name, seed) {}

// Before a request goes without a node, or to one that is held back, the words are read again: another may be
// usable by now, and the news of it on its way.
std::optional<std::size_t> Balancer::pick(const PickInput& input) {
  if (eligible_.holds_back() && !strategy_->tries_out())
    if (const auto trial = eligible_.trial(input)) return trial;
  if (const auto found = strategy_->pick(eligible_, input, rng_)) return found;
  if (eligible_.refresh()) {
    strategy_->rebuild(eligible_, rng_);
    if (const auto found = strategy_->pick(eligible_, input, rng_)) return found;
  }
  return eligible_.last_resort(input);
}

void Balancer::refresh() {
  if (eligible_.refresh()) strategy_->rebuild(eligible_, rng_);
}

}  // namespace weir::balancer
