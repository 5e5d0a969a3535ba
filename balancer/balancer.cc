#include "balancer/balancer.h"

#include <cstdlib>
#include <utility>

#include "balancer/strategies.h"

namespace weir::balancer {

Balancer::Balancer(std::shared_ptr<const NodeSet> nodes, std::string_view strategy_name, Rng seed)
    : rng_(seed), eligible_(std::move(nodes)), strategy_(make_strategy(strategy_name)) {
  if (!strategy_) std::abort();
  strategy_->rebuild(eligible_, rng_);
}

Balancer::Balancer(std::vector<std::shared_ptr<Node>> nodes, std::string_view strategy_name, Rng seed)
    : Balancer(std::make_shared<const NodeSet>(std::move(nodes)), strategy_name, seed) {}

// Before a request goes without a node, the words are read again: one may be eligible by now, and the news of
// it on its way.
std::optional<std::size_t> Balancer::pick(const PickInput& input) {
  if (const auto found = strategy_->pick(eligible_, input, rng_)) return found;
  if (!eligible_.refresh()) return std::nullopt;
  strategy_->rebuild(eligible_, rng_);
  return strategy_->pick(eligible_, input, rng_);
}

void Balancer::refresh() {
  if (eligible_.refresh()) strategy_->rebuild(eligible_, rng_);
}

}  // namespace weir::balancer
