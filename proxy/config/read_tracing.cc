#include "proxy/config/read_tracing.h"

#include <algorithm>

#include <fmt/format.h>

#include "proxy/config/scalar.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

constexpr std::string_view kHttp = "http://";
constexpr std::string_view kCollector = "http://HOST:PORT/PATH, such as http://127.0.0.1:4318/v1/traces";
constexpr std::size_t kLongestPath = 1024;

bool is_path(std::string_view text) {
  return text.size() <= kLongestPath && http::parse_target(http::Method::post, text).has_value();
}

void read_endpoint(const Field& field, Tracing& out) {
  if (!field.must_be(Value::Kind::scalar, kCollector)) return;
  const std::string_view text = field.value.text;
  if (text.starts_with("https://"))
    return field.fail(fmt::format("there is no TLS to a collector; allowed: {}", kCollector));
  if (!text.starts_with(kHttp)) return field.refuse(kCollector);
  const std::string_view rest = text.substr(kHttp.size());
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  const auto address = io::Address::parse(rest.substr(0, slash));
  if (!address || address->kind == io::Address::Kind::unix_path || address->port == 0)
    return field.refuse(kCollector);
  if (slash < rest.size() && !is_path(rest.substr(slash))) return field.refuse(kCollector);
  out.collector = *address;
  if (slash < rest.size()) out.path = rest.substr(slash);
}

}  // namespace

void read_tracing(const Field& field, std::optional<Tracing>& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") return out.reset();
  if (!field.must_be(Value::Kind::map, "off, or a map with endpoint, sample, service")) return;
  const Section section(field, keys::kTracing);
  Tracing tracing;
  section.require("endpoint", read_endpoint, tracing);
  section.read("sample", read_sample, tracing.one_in);
  section.read("service", read_name, tracing.service);
  out = std::move(tracing);
}

}  // namespace weir::config
