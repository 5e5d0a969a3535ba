#include "proxy/config/read_health.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "proxy/base/ascii.h"
#include "proxy/config/scalar.h"
#include "proxy/http/message.h"
#include "proxy/http/token.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

constexpr Duration kLeastInterval = 10ms;
constexpr DurationRange kIntervals{kLeastInterval, 1h};
constexpr DurationRange kCheckTimeout{1ms, 1h};
constexpr CountRange kInARow{1, 100};
constexpr std::uint32_t kMostJitter = 50;
constexpr std::size_t kLongestTarget = 4096, kLongestText = 1024, kLongestService = 127;

constexpr std::string_view kHttpOnly[] = {"method", "host", "headers", "expect", "body", "agent"};

bool is_visible(char c) {
  return c > 0x20 && c < 0x7f;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

void read_target(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "a path, such as /healthz, with or without a query";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (!text.starts_with('/') || text.size() > kLongestTarget || text.find('#') != text.npos ||
      !std::all_of(text.begin(), text.end(), is_visible))
    return field.refuse(kAllowed);
  out = text;
}

void read_tcp(const Field& field) {
  if (!field.is(Value::Kind::scalar) || (field.value.text != "true" && field.value.text != "connect"))
    field.refuse("true (a connection that stands is a pass); leave it out for an HTTP check");
}

void read_method(const Field& field, std::string& out) {
  constexpr std::string_view kMethods[] = {"GET", "HEAD", "OPTIONS", "POST"};
  const auto found = std::find(std::begin(kMethods), std::end(kMethods), field.value.text);
  if (!field.is(Value::Kind::scalar) || found == std::end(kMethods)) return field.refuse(joined(kMethods));
  out = *found;
}

void read_check_host(const Field& field, std::optional<std::string>& out) {
  constexpr std::string_view kAllowed = "HOST or HOST:PORT, such as app.internal:8000";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  if (!http::valid_host(field.value.text)) return field.refuse(kAllowed);
  out = field.value.text;
}

// What is wrong with a header of this name; "" if nothing is.
std::string_view objection(std::string_view name) {
  const http::FieldId id = http::field_id(name);
  if (id == http::FieldId::host) return "use the key host for it";
  if (http::kHopByHop.has(id) || id == http::FieldId::content_length || id == http::FieldId::expect)
    return "Weir makes it itself where one is needed; leave it out";
  return "";
}

void read_header(const Field& field, const Key& name, std::vector<std::pair<std::string, std::string>>& out) {
  constexpr std::string_view kAllowed = "a text without control characters";
  if (!http::is_token(name.text))
    return field.report.error(name.at, field.path,
                              fmt::format("{} is no name for a header", in_quotes(name.text)));
  if (const std::string_view what = objection(name.text); !what.empty())
    return field.report.error(name.at, field.path, fmt::format("{} is not allowed; {}", name.text, what));
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& value = field.value.text;
  if (std::any_of(value.begin(), value.end(), is_control)) return field.refuse(kAllowed);
  out.emplace_back(name.text, value);
}

void read_headers(const Field& field, std::vector<std::pair<std::string, std::string>>& out) {
  if (!field.must_be(Value::Kind::map, "a map of names and values, such as { X-Probe: weir }")) return;
  for (std::size_t i = 0; i < field.value.keys.size(); ++i) {
    const Key& name = field.value.keys[i];
    const auto first = std::find_if(out.begin(), out.end(),
                                    [&](const auto& each) { return http::same_name(each.first, name.text); });
    if (first != out.end())
      field.report.error(name.at, field.path_of(name.text), "given twice; a header may stand once");
    else
      read_header(field.member(i), name, out);
  }
}

std::optional<std::uint16_t> parse_status(std::string_view text) {
  if (text.size() != 3 || !std::all_of(text.begin(), text.end(), base::is_digit)) return std::nullopt;
  const int status = (text[0] - '0') * 100 + (text[1] - '0') * 10 + (text[2] - '0');
  if (status < 200 || status > 599) return std::nullopt;
  return static_cast<std::uint16_t>(status);
}

void read_statuses(const Field& field, std::vector<StatusRange>& out) {
  constexpr std::string_view kAllowed =
      "a status or a range, 200 to 599, such as 204 or 200-299, or a list of them";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string_view text = field.value.text;
  const std::size_t dash = std::min(text.find('-'), text.size());
  const auto first = parse_status(text.substr(0, dash));
  const auto last = dash < text.size() ? parse_status(text.substr(dash + 1)) : first;
  if (!first || !last || *last < *first) return field.refuse(kAllowed);
  out.push_back({*first, *last});
}

void read_expect(const Field& field, std::vector<StatusRange>& out) {
  out.clear();
  if (!field.is(Value::Kind::list)) return read_statuses(field, out);
  if (field.value.items.empty()) return field.fail("is empty, so that no check could pass; name a status");
  for (std::size_t i = 0; i < field.value.items.size(); ++i) read_statuses(field.item(i), out);
}

void read_text(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "a text of 1 to 1024 bytes that the answer must contain";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  if (field.value.text.empty() || field.value.text.size() > kLongestText) return field.refuse(kAllowed);
  out = field.value.text;
}

void read_check_port(const Field& field, std::uint16_t& out, const std::vector<Node>& nodes) {
  std::uint32_t port = 0;
  read_count32(field, port, CountRange{1, 65535});
  if (port == 0) return;
  out = static_cast<std::uint16_t>(port);
  for (const Node& node : nodes)
    if (node.address.kind == io::Address::Kind::unix_path)
      return field.fail(
          fmt::format("the node {} is a unix socket, which has no port; leave it out", node.address.text()));
}

void read_http_check(const Section& section, HttpCheck& out) {
  section.read("http", read_target, out.target);
  section.read("method", read_method, out.method);
  section.read("host", read_check_host, out.host);
  section.read("headers", read_headers, out.headers);
  section.read("expect", read_expect, out.expect);
  section.read("body", read_text, out.body);
  section.read("agent", read_word<bool>, out.agent, std::span(kOffOn));
  if (out.method == "HEAD")
    section.read("body",
                 [](const Field& field) { field.fail("a HEAD is answered without a body; use GET"); });
}

void read_service(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed =
      "true (the server as a whole), or a service's name of 1 to 127 visible characters";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (text.empty() || text.size() > kLongestService || !std::all_of(text.begin(), text.end(), is_visible))
    return field.refuse(kAllowed);
  if (text != "true") out = text;
}

void read_grpc_check(const Field& field, const Section& section, GrpcCheck& out, Protocol protocol) {
  section.read("grpc", read_service, out.service);
  section.read("host", read_check_host, out.host);
  if (protocol == Protocol::h1)
    field.fail("has a gRPC check, which goes over HTTP/2; set protocol: h2 for the pool");
}

void read_kind(const Field& field, const Section& section, Health& out, Protocol protocol) {
  const int kinds = section.has("http") + section.has("tcp") + section.has("grpc");
  if (kinds == 0) return field.fail("needs http: /PATH, tcp: true or grpc: true");
  if (kinds > 1) return field.fail("has more than one of http, tcp and grpc; a check is one of them");
  if (section.has("http")) return read_http_check(section, out.http.emplace());
  const bool grpc = section.has("grpc");
  if (grpc)
    read_grpc_check(field, section, out.grpc.emplace(), protocol);
  else
    section.read("tcp", read_tcp);
  for (const std::string_view key : kHttpOnly) {
    if (grpc && key == "host") continue;
    section.read(key, [&](const Field& of_no_use) {
      of_no_use.fail(fmt::format("is of no use to a {} check; leave it out, or set http: /PATH instead of {}",
                                 grpc ? "gRPC" : "TCP", grpc ? "grpc" : "tcp"));
    });
  }
}

void read_pace(const Field& field, const Section& section, Health& out) {
  section.read("interval", read_duration, out.interval, kIntervals);
  out.fast_interval = std::max(out.interval / 5, kLeastInterval);
  section.read("fast_interval", read_duration, out.fast_interval, kIntervals);
  if (out.fast_interval > out.interval)
    section.read("fast_interval", [&](const Field& fast) {
      fast.fail(fmt::format("is longer than interval, which is {}", written(out.interval)));
    });
  section.read("jitter", read_percent, out.jitter, kMostJitter);
  section.read("timeout", read_duration, out.timeout, kCheckTimeout);
  if (out.timeout > out.interval)
    field.report.warning(
        field.value.at, field.path,
        fmt::format("timeout ({}) is longer than interval ({}); a node that does not answer is checked "
                    "less often than interval says",
                    written(out.timeout), written(out.interval)));
}

}  // namespace

void read_health(const Field& field, std::optional<Health>& out, const std::vector<Node>& nodes,
                 Protocol protocol) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") return;
  if (!field.must_be(Value::Kind::map, "off, or a map with " + joined(keys::kHealthKeys))) return;
  const Section section(field, keys::kHealth);
  Health health;
  read_kind(field, section, health, protocol);
  section.read("port", read_check_port, health.port, nodes);
  read_pace(field, section, health);
  section.read("fall", read_count32, health.fall, kInARow);
  section.read("rise", read_count32, health.rise, kInARow);
  out = std::move(health);
}

}  // namespace weir::config
