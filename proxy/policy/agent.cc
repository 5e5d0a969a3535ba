#include "proxy/policy/agent.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "proxy/http/list.h"

namespace weir::policy {
namespace {

using balancer::Agent;
using std::string_view;

constexpr string_view kState = "X-Weir-State", kWeight = "X-Weir-Weight";
constexpr std::size_t kMostTold = 64;

std::optional<Agent> read_state(string_view text) {
  for (const Agent each : {Agent::up, Agent::drain, Agent::maint})
    if (http::same_name(text, balancer::word(each))) return each;
  return std::nullopt;
}

std::optional<std::uint32_t> read_weight(string_view text) {
  std::uint32_t weight = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), weight);
  if (error != std::errc() || end != text.data() + text.size() || weight > balancer::Node::kMaxAgentWeight)
    return std::nullopt;
  return weight;
}

}  // namespace

AgentWord read_agent(const http::Fields& fields) {
  AgentWord word;
  const auto note_bad = [&](string_view name, string_view value) {
    word.bad.assign(name).append(": ").append(value.substr(0, kMostTold));
  };
  if (const auto said = fields.get(kWeight)) {
    const auto weight = read_weight(*said);
    if (!weight) note_bad(kWeight, *said);
    if (weight == 0U) word.state = Agent::drain;
    word.weight = weight.value_or(word.weight);
  }
  fields.for_each([&](const http::Field& field) {
    if (!http::same_name(field.name, kState)) return;
    if (field.value.empty()) note_bad(kState, field.value);
    http::for_each_element(field.value, [&](string_view said) {
      const auto state = read_state(said);
      if (!state) return note_bad(kState, said);
      word.state = std::max(word.state, *state);
    });
  });
  return word;
}

}  // namespace weir::policy
