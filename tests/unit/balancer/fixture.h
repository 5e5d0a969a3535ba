// The small language of the balancing tests: a pool made of weights, whole distributions counted, and nodes
// that go down, come back and are added.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "balancer/balancer.h"
#include "balancer/hash.h"
#include "balancer/strategies.h"

namespace weir::balancer {

using Nodes = std::vector<std::shared_ptr<Node>>;
using Shares = std::vector<std::size_t>;

inline std::string key_of(std::size_t i) {
  return "10.0." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250) + ":8000";
}

inline Nodes nodes_of(const std::vector<std::uint32_t>& weights) {
  Nodes nodes;
  for (std::size_t i = 0; i < weights.size(); ++i)
    nodes.push_back(std::make_shared<Node>(key_of(i), weights[i]));
  return nodes;
}

inline Nodes equal_nodes(std::size_t count) {
  return nodes_of(std::vector<std::uint32_t>(count, 1));
}

inline std::uint64_t nth_key(std::size_t i) {
  return hash("user-" + std::to_string(i));
}

// What each node gets of so many requests, one after the other, each with another key; nothing is in flight
// when the next one comes. A pick without a node is counted behind the last node.
inline Shares shares(Balancer& balancer, std::size_t requests, std::span<const std::size_t> tried = {}) {
  Shares counted(balancer.size() + 1);
  for (std::size_t i = 0; i < requests; ++i) {
    ++counted[balancer.pick({.hash = nth_key(i), .tried = tried}).value_or(balancer.size())];
  }
  return counted;
}

// Where each of so many keys goes, by the node's key.
inline std::vector<std::string> placement(Balancer& balancer, std::size_t keys) {
  std::vector<std::string> placed;
  for (std::size_t i = 0; i < keys; ++i) {
    const auto node = balancer.pick({.hash = nth_key(i)});
    placed.push_back(node ? balancer.node(*node)->key() : "");
  }
  return placed;
}

// The picks as letters: a for the first node, b for the second, - for none.
inline std::string letters(Balancer& balancer, std::size_t picks) {
  std::string text;
  for (std::size_t i = 0; i < picks; ++i) {
    const auto node = balancer.pick();
    text += node ? static_cast<char>('a' + *node) : '-';
  }
  return text;
}

inline std::size_t longest_run(const std::string& text, char of) {
  std::size_t longest = 0;
  std::size_t run = 0;
  for (const char c : text) {
    run = c == of ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  return longest;
}

}  // namespace weir::balancer
