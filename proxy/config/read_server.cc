#include "proxy/config/read_server.h"

#include <fmt/format.h>

#include "proxy/config/read_access.h"
#include "proxy/config/scalar.h"
#include "proxy/http/field_names.h"
#include "proxy/http/fields.h"
#include "proxy/http/token.h"

namespace weir::config {

namespace {

constexpr std::uint64_t kMostConnections = 10'000'000;

void warn_of_request_line(const Field& request_line, const Limits& limits) {
  if (limits.request_line > limits.header && !request_line.report.failed())
    request_line.report.warning(
        request_line.value.at, request_line.path,
        fmt::format("({}) is never reached: header ({}) is less, and the request line counts towards it",
                    written_size(limits.request_line), written_size(limits.header)));
}

void warn_of_connections_per_client(const Field& per_client, const Limits& limits) {
  if (limits.connections_per_client != kUnlimited && limits.connections_per_client > limits.connections &&
      !per_client.report.failed())
    per_client.report.warning(per_client.value.at, per_client.path,
                              fmt::format("({}) is never reached: connections ({}) is less",
                                          limits.connections_per_client, limits.connections));
}

}  // namespace

void read_workers(const Field& field, std::uint32_t& out) {
  constexpr std::string_view kAllowed = "auto, or a whole number from 1 to 256";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  if (field.value.text == "auto") {
    out = 0;
    return;
  }
  const std::string& text = field.value.text;
  const bool number = !text.empty() && text.size() <= 3 && text.find_first_not_of("0123456789") == text.npos;
  const unsigned long workers = number ? std::stoul(text) : 0;
  if (workers < 1 || workers > 256) return field.refuse(kAllowed);
  out = static_cast<std::uint32_t>(workers);
}

void read_memory_limit(const Field& field, std::uint64_t& out) {
  constexpr CountRange kRange{16ULL << 20, 1ULL << 50};
  constexpr std::string_view kAllowed = "auto, off, or a size from 16MiB to 1048576GiB";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (text == "auto") return void(out = kAutoMemory);
  if (text == "off") return void(out = kUnlimited);
  if (text.find_first_of("0123456789") != 0) return field.refuse(kAllowed);
  read_size(field, out, kRange);
}

void read_trusted_proxies(const Field& field, std::vector<io::IpPrefix>& out) {
  if (!field.must_be(Value::Kind::list, "a list of networks, such as [127.0.0.0/8]; [] trusts nobody"))
    return;
  read_networks(field, out);
}

void read_limits(const Field& field, Limits& out) {
  constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kTiB = kMiB * kMiB;
  const Section section(field, keys::kLimits);
  section.read("header", read_size, out.header, CountRange{kKiB, kMiB});
  section.read("header_fields", read_count, out.header_fields, CountRange{1, 10'000});
  section.read("request_line", read_size, out.request_line, CountRange{64, kMiB});
  section.read("body", read_size_or_unlimited, out.body, CountRange{0, 1024 * kTiB});
  section.read("connections", read_count, out.connections, CountRange{1, kMostConnections});
  section.read("connections_per_client", read_count_or_unlimited, out.connections_per_client,
               CountRange{1, kMostConnections});
  section.read("request_line", warn_of_request_line, out);
  section.read("connections_per_client", warn_of_connections_per_client, out);
}

void read_deadline_header(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "off, or the name of a header field, such as X-Request-Deadline";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& name = field.value.text;
  if (name == "off") return out.clear();
  if (name.size() > kMostName || !http::is_token(name)) return field.refuse(kAllowed);
  const bool taken = http::field_id(name) != http::FieldId::other || http::vouches_for_client(name) ||
                     http::same_name(name, "grpc-timeout");
  if (taken)
    return field.fail(fmt::format("{} has a meaning of its own; allowed: {}", in_quotes(name), kAllowed));
  out = name;
}

}  // namespace weir::config
