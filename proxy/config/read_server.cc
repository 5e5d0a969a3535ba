#include "proxy/config/read_server.h"

#include <fmt/format.h>

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

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

void read_trusted_proxies(const Field& field, std::vector<io::IpPrefix>& out) {
  if (!field.must_be(Value::Kind::list, "a list of networks, such as [127.0.0.0/8]; [] trusts nobody"))
    return;
  out.clear();
  for (std::size_t i = 0; i < field.value.items.size(); ++i) read_network(field.item(i), out);
}

void read_limits(const Field& field, Limits& out) {
  constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * kKiB, kTiB = kMiB * kMiB;
  const Section section(field, keys::kLimits);
  section.read("header", read_size, out.header, CountRange{kKiB, kMiB});
  section.read("header_fields", read_count, out.header_fields, CountRange{1, 10'000});
  section.read("request_line", read_size, out.request_line, CountRange{64, kMiB});
  section.read("body", read_size_or_unlimited, out.body, CountRange{0, 1024 * kTiB});
  section.read("connections", read_count, out.connections, CountRange{1, 10'000'000});
}

}  // namespace weir::config
