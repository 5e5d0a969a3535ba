#include "proxy/admin/order_body.h"

#include <algorithm>
#include <optional>
#include <set>
#include <span>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "balancer/node_set.h"
#include "proxy/config/scalar.h"

namespace weir::admin {
namespace {

using Keys = std::span<const std::string_view>;
using config::Field;

constexpr std::string_view kStates[] = {"active", "drain", "down"};  // as balancer::Operator has them
constexpr config::DurationRange kFor{std::chrono::milliseconds(1), config::kYear};
constexpr config::DurationRange kDrainFor{std::chrono::milliseconds(1), std::chrono::hours(24)};
constexpr base::Duration kUsualDrain = std::chrono::seconds(30);
constexpr config::CountRange kWeights{1, 1000};
constexpr std::string_view kAddresses = "HOST:PORT, [IPV6]:PORT or unix:/PATH, such as 10.0.0.1:8000";

enum class JsonType : std::uint8_t { text, number, flag };

base::unexpected<BodyError> refuse(int status, std::string text) {
  return base::unexpected(BodyError{status, std::move(text)});
}

// An object whose keys are known and stand once; what it says is read key by key, and what is wrong with any
// of it gathered.
class Body {
 public:
  Body(std::string_view text, Keys keys) : keys_(keys) { parse(text); }

  bool has(const char* key) const { return object_.contains(key); }
  // By the configuration's reader, if the key is there.
  template <class Reader, class... Arguments>
  void read(const char* key, JsonType type, Reader&& reader, Arguments&&... arguments) {
    if (!has(key)) return;
    const config::Value value = scalar(object_[key], type);
    reader(Field{value, key, report_}, std::forward<Arguments>(arguments)...);
  }
  void fail(const char* key, std::string what) { report_.error({}, key, std::move(what)); }
  // None if all is well.
  std::optional<BodyError> error() {
    if (status_ == 0 && !report_.failed()) return std::nullopt;
    for (const config::Diagnostic& each : report_.take())
      text_ += fmt::format("{}{}{}{}", text_.empty() ? "" : "; and ", each.path,
                           each.path.empty() ? "" : ": ", each.what);
    return BodyError{status_ == 0 ? 422 : status_, text_};
  }

 private:
  // A value of another type becomes a text that no reader takes.
  static config::Value scalar(const nlohmann::json& json, JsonType type) {
    const bool fits =
        json.is_number() ||
        (type == JsonType::text ? json.is_string() : type == JsonType::flag && json.is_boolean());
    const std::string text = json.is_string() && fits
                                 ? json.get<std::string>()
                                 : json.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    config::Value value;
    value.kind = config::Value::Kind::scalar;
    value.text = fits || json.is_null() ? text : fmt::format("{} {}", json.type_name(), text);
    return value;
  }
  void parse(std::string_view text) {
    std::set<std::string> seen;
    const auto note_key = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& key) {
      if (depth == 1 && event == nlohmann::json::parse_event_t::key &&
          !seen.insert(key.get<std::string>()).second)
        fail("", fmt::format("{} is given twice; a key may stand once",
                             config::in_quotes(key.get<std::string>())));
      return true;
    };
    object_ = text.empty() ? nlohmann::json::object() : nlohmann::json::parse(text, note_key, false);
    if (!object_.is_object()) {
      object_ = nlohmann::json::object();
      status_ = 400;
      text_ = keys_.empty()
                  ? "the body is no JSON object; it may be left out"
                  : fmt::format("the body is no JSON object; allowed: {{}} with {}", config::joined(keys_));
    }
    for (const auto& [key, value] : object_.items()) check_key(key);
  }
  void check_key(const std::string& key) {
    if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return;
    std::string near = config::suggestion(key, keys_);
    if (near.empty()) near = keys_.empty() ? "; none is allowed here" : "; allowed: " + config::joined(keys_);
    report_.error({}, "", fmt::format("{} is an unknown key{}", config::in_quotes(key), near));
  }

  const Keys keys_;
  nlohmann::json object_;
  config::Report report_{""};
  int status_ = 0;
  std::string text_;
};

void read_flag(const Field& field, std::optional<bool>& out) {
  if (field.value.text != "true" && field.value.text != "false") return field.refuse("true, false");
  out = field.value.text == "true";
}

void read_state(const Field& field, std::optional<balancer::Operator>& out) {
  const std::size_t known =
      std::find(std::begin(kStates), std::end(kStates), field.value.text) - std::begin(kStates);
  balancer::Operator state{};
  config::read_word(field, state, std::span(kStates));
  if (known < std::size(kStates)) out = state;
}

void read_weight(const Field& field, std::optional<std::uint32_t>& out) {
  std::uint32_t weight = 0;
  config::read_count32(field, weight, kWeights);
  if (weight > 0) out = weight;
}

void read_priority(const Field& field, std::optional<std::uint32_t>& out) {
  config::read_count32(field, out.emplace(0), config::CountRange{0, balancer::kLastPriority});
}

void read_limit(const Field& field, std::optional<std::uint64_t>& out) {
  config::read_max_in_flight(field, out.emplace(config::kUnlimited));
}

void read_bound(const Field& field, std::optional<std::uint64_t>& out) {
  config::read_max_connections(field, out.emplace(config::kUnlimited));
}

void read_address(const Field& field, std::string& out) {
  const auto address = io::Address::parse(field.value.text);
  if (!address) return field.refuse(kAddresses);
  if (address->kind != io::Address::Kind::unix_path && address->port == 0)
    return field.fail("a node has no port 0; allowed: 1 to 65535");
  out = field.value.text;
}

void read_words(Body& body, NodeOrder& order) {
  body.read("state", JsonType::text, read_state, order.state);
  body.read("weight", JsonType::number, read_weight, order.weight);
  body.read("priority", JsonType::number, read_priority, order.priority);
  body.read("backup", JsonType::flag, read_flag, order.backup);
  body.read("max_in_flight", JsonType::text, read_limit, order.max_in_flight);
  body.read("max_connections", JsonType::text, read_bound, order.max_connections);
  if (order.backup == true && order.priority.value_or(0) > 0)
    body.fail("backup", "a backup comes after all other nodes, whatever its priority; leave priority out");
}

bool says_nothing(const NodeOrder& order) {
  return !order.state && !order.weight && !order.priority && !order.backup && !order.max_in_flight &&
         !order.max_connections;
}

}  // namespace

FromBody<NodeOrder> read_change(std::string_view text) {
  static constexpr std::string_view kKeys[] = {"state",         "weight",          "priority", "backup",
                                               "max_in_flight", "max_connections", "for",      "temporary"};
  Body body(text, kKeys);
  NodeOrder order;
  std::optional<bool> temporary;
  read_words(body, order);
  body.read("for", JsonType::text, config::read_duration_override, order.time, kFor);
  body.read("temporary", JsonType::flag, read_flag, temporary);
  if (body.has("for") && temporary == false)
    body.fail("temporary", "what is for a time is temporary; leave one of the two out");
  if (auto error = body.error()) return base::unexpected(std::move(*error));
  if (says_nothing(order))
    return refuse(422, fmt::format("nothing is to change; one or more of {} say what",
                                   config::joined(std::span(kKeys).first<6>())));
  if (order.time || temporary == true) order.lasting = NodeOrder::Lasting::temporary;
  return order;
}

FromBody<NodeOrder> read_add(std::string_view text) {
  static constexpr std::string_view kKeys[] = {"address", "weight",        "state",           "priority",
                                               "backup",  "max_in_flight", "max_connections", "temporary"};
  Body body(text, kKeys);
  NodeOrder order;
  order.kind = NodeOrder::Kind::add;
  std::optional<bool> temporary;
  body.read("address", JsonType::text, read_address, order.address);
  read_words(body, order);
  body.read("temporary", JsonType::flag, read_flag, temporary);
  if (!body.has("address")) body.fail("address", fmt::format("is missing; it is required: {}", kAddresses));
  if (auto error = body.error()) return base::unexpected(std::move(*error));
  if (temporary == true)
    return refuse(409,
                  "a node cannot be added for a time: whatever is not in the file is gone with the process; "
                  "leave temporary out, and remove the node when its time is over");
  return order;
}

FromBody<base::Duration> read_drain_time(std::string_view text) {
  static constexpr std::string_view kKeys[] = {"for"};
  Body body(text, kKeys);
  base::Duration time = kUsualDrain;
  body.read("for", JsonType::text, config::read_duration, time, kDrainFor);
  if (auto error = body.error()) return base::unexpected(std::move(*error));
  return time;
}

FromBody<void> read_nothing(std::string_view text) {
  Body body(text, {});
  if (auto error = body.error()) return base::unexpected(std::move(*error));
  return {};
}

}  // namespace weir::admin
