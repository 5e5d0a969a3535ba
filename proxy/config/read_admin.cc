#include "proxy/config/read_admin.h"

#include <fmt/format.h>

#include "proxy/base/ascii.h"
#include "proxy/config/read_token.h"
#include "proxy/http/uri.h"

namespace weir::config {

namespace {

void read_address(const Field& field, Admin& out, Places& places) {
  constexpr std::string_view kAllowed = "IP:PORT, [IPV6]:PORT or unix:/PATH, such as 127.0.0.1:9901";
  places.admin = field.value.at;
  out.source = Admin::Source::file;
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string& text = field.value.text;
  if (text == "off") return field.fail("off stands for the whole section; write admin: off");
  const auto address = io::Address::parse(text);
  if (!address) return field.refuse(kAllowed);
  if (address->kind == io::Address::Kind::name)
    return field.fail(fmt::format("{} is a host name; allowed: {}", in_quotes(text), kAllowed));
  out.address = *address;
}

void read_host(const Field& field, std::vector<std::string>& out) {
  constexpr std::string_view kAllowed = "a host without port, such as weir.internal, 192.0.2.7 or [fd00::7]";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  std::string host = base::lowered(field.value.text);
  if (host.ends_with('.')) host.pop_back();
  if (!http::valid_host(host) || host.find_first_of("*%") != host.npos || host.ends_with('.') ||
      http::host_without_port(host).size() != host.size())
    return field.refuse(kAllowed);
  if (host.starts_with('['))
    if (const auto ip = io::Ip::parse(std::string_view(host).substr(1, host.size() - 2));
        ip && ip->family == io::Ip::Family::v6)
      host = "[" + ip->text() + "]";
  out.push_back(std::move(host));
}

void read_hosts(const Field& field, std::vector<std::string>& out) {
  if (!field.must_be(Value::Kind::list, "a list of hosts, such as [weir.internal]; [] for none")) return;
  for (std::size_t i = 0; i < field.value.items.size(); ++i) read_host(field.item(i), out);
}

// Whoever reaches the port may drain and remove nodes.
void require_token(const Admin& admin, const Places& places, Report& report) {
  const bool reaches_far =
      admin.address && admin.address->kind == io::Address::Kind::ip && !admin.address->ip.is_loopback();
  if (reaches_far && admin.token.empty())
    report.error(places.admin, "admin.address",
                 fmt::format("{} may be reached from other machines, so it needs a token; set admin.token to "
                             "file:/PATH or ${{NAME}}, or take an address on loopback or unix:/PATH",
                             admin.address->text()));
}

bool collide(const io::Address& a, const io::Address& b) {
  if (a.kind != io::Address::Kind::ip || b.kind != a.kind) return a == b;
  return a.port == b.port && a.port != 0 && a.ip.family == b.ip.family &&
         (a.ip == b.ip || a.ip.is_any() || b.ip.is_any());
}

}  // namespace

void read_admin(const Field& field, Admin& out, Places& places) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") {
    out.address.reset();
    return;
  }
  if (!field.must_be(Value::Kind::map, "off, or a map with address, hosts, token")) return;
  const Section section(field, keys::kAdmin);
  section.read("address", read_address, out, places);
  section.read("hosts", read_hosts, out.hosts);
  std::optional<std::string> token;
  section.read("token", read_token, token);
  if (section.has("token") && !token) return;  // said already
  out.token = token.value_or("");
  require_token(out, places, field.report);
}

void settle_admin(Config& config, const Places& places, Report& report) {
  Admin& admin = config.admin;
  if (places.listeners.empty() && !config.listeners.empty() && admin.address &&
      collide(*admin.address, config.listeners.front().address))
    return report.error(
        places.admin, "admin.address",
        fmt::format("the default listener {} has it; allowed: an address of its own, or port 0 "
                    "for any free one",
                    config.listeners.front().address.text()));
  for (std::size_t i = 0; i < places.listeners.size() && admin.address; ++i) {
    const io::Address& taken = config.listeners[i].address;
    if (!collide(*admin.address, taken)) continue;
    if (admin.source == Admin::Source::file)
      return report.error(places.admin, "admin.address",
                          fmt::format("the listener {} on line {} has it; allowed: an address of its own, or "
                                      "port 0 for any free one",
                                      taken.text(), places.listeners[i].line));
    report.warning(places.listeners[i], fmt::format("listeners[{}].address", i),
                   fmt::format("takes the admin port's default {}, so that there is none; set "
                               "admin.address, or admin: off",
                               admin.address->text()));
    admin.address.reset();
  }
}

}  // namespace weir::config
