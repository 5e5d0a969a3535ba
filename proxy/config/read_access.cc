#include "proxy/config/read_access.h"

#include <fmt/format.h>

#include <charconv>

#include "proxy/config/read_hash_key.h"
#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::string_view kRates =
    "REQUESTS/s, REQUESTS/m or REQUESTS/h, such as 100/s, of 1 to 1000000 requests";
constexpr std::uint64_t kMostRequests = 1'000'000;

void read_network(const Field& field, std::vector<io::IpPrefix>& out) {
  constexpr std::string_view kAllowed =
      "an address or a network, such as 10.0.0.0/8, 192.0.2.7 or fd00::/8, or unix for unix sockets";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  const auto prefix = io::IpPrefix::parse(text);
  if (!prefix) return field.refuse(kAllowed);
  const auto whole = io::Ip::parse(text.substr(0, text.find('/')));
  if (whole && *whole != prefix->ip)
    field.report.warning(field.value.at, field.path,
                         fmt::format("{} has bits behind its prefix; it is taken as {}/{}", in_quotes(text),
                                     prefix->ip.text(), prefix->bits));
  out.push_back(*prefix);
}

void read_list_of_networks(const Field& field, std::vector<io::IpPrefix>& out) {
  if (!field.must_be(Value::Kind::list, "a list of networks, such as [10.0.0.0/8]")) return;
  if (field.value.items.empty()) return field.fail("has no network; leave it out for any client");
  read_networks(field, out);
}

void read_rate(const Field& field, RateLimit& out) {
  if (!field.must_be(Value::Kind::scalar, kRates)) return;
  const std::string& text = field.value.text;
  const char* const end = text.data() + text.size();
  std::uint64_t requests = 0;
  const auto [rest, error] = std::from_chars(text.data(), end, requests);
  const std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  const Duration per = unit == "/s" ? Duration(1s) : unit == "/m" ? Duration(1min) : Duration(1h);
  const bool known = unit == "/s" || unit == "/m" || unit == "/h";
  if (error != std::errc() || !known || requests < 1 || requests > kMostRequests) return field.refuse(kRates);
  out.requests = out.burst = requests;
  out.per = per;
}

void read_rate_key(const Field& field, HashKey& out) {
  constexpr std::string_view kAllowed = "client-ip, header:NAME, cookie:NAME";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  const bool has_name = text.starts_with("header:") || text.starts_with("cookie:");
  if (text != "client-ip" && !has_name) return field.refuse(kAllowed);
  read_hash_key(field, out);
}

}  // namespace

void read_networks(const Field& field, std::vector<io::IpPrefix>& out) {
  out.clear();
  for (std::size_t i = 0; i < field.value.items.size(); ++i) read_network(field.item(i), out);
}

void read_access(const Section& section, Access& out) {
  section.read("allow", read_list_of_networks, out.allow);
  section.read("deny", read_list_of_networks, out.deny);
}

void read_rate_limit(const Field& field, std::optional<RateLimit>& out, const KeyTable& keys) {
  RateLimit limit;
  const Section section(field, keys);
  section.require("rate", read_rate, limit);
  section.read("burst", read_count, limit.burst, CountRange{1, kMostRequests});
  section.read("key", read_rate_key, limit.key);
  section.read("ipv4_prefix", read_count32, limit.ipv4_prefix, CountRange{1, 32});
  section.read("ipv6_prefix", read_count32, limit.ipv6_prefix, CountRange{1, 128});
  section.read("dry_run", read_word<RateLimit::DryRun>, limit.dry_run, std::span(kOffOn));
  if (field.is(Value::Kind::map)) out = limit;
}

}  // namespace weir::config
