#include "proxy/config/read_listener.h"

#include <fmt/format.h>

#include <map>

#include "proxy/config/default_names.h"
#include "proxy/config/read_access.h"
#include "proxy/config/read_https.h"
#include "proxy/config/read_tls.h"
#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::string_view kListenerAddress = "IP:PORT, [IPV6]:PORT or unix:/PATH, such as 0.0.0.0:8080";

using Lines = std::map<std::string, int>;  // what, and on which line first

// The ports of one family of addresses.
struct Ports {
  std::map<std::uint16_t, int> any;    // on which line one listener takes them whole
  std::map<std::uint16_t, int> other;  // on which line a listener takes them on one address first
};

struct Claims {
  Lines addresses;
  Lines names;
  std::map<io::Ip::Family, Ports> ports;
};

// One listener on every address of a port, and another on one of them, do not go together.
void claim_port(const Field& field, const io::Address& address, Claims& claims) {
  Ports& ports = claims.ports[address.ip.family];
  const bool whole = address.ip.is_any();
  const auto& rivals = whole ? ports.other : ports.any;
  if (const auto rival = rivals.find(address.port); rival != rivals.end())
    return field.fail(
        fmt::format("a listener on line {} takes port {} {}; one that is on every address is enough",
                    rival->second, address.port, whole ? "on one of these addresses" : "on every address"));
  (whole ? ports.any : ports.other).emplace(address.port, field.value.at.line);
}

void read_listener_address(const Field& field, io::Address& out, Claims& claims) {
  if (!field.must_be(Value::Kind::scalar, kListenerAddress)) return;
  const auto address = io::Address::parse(field.value.text);
  if (!address) return field.refuse(kListenerAddress);
  if (address->kind == io::Address::Kind::name)
    return field.fail(
        fmt::format("{} is a host name; allowed: {}", in_quotes(field.value.text), kListenerAddress));
  out = *address;
  // Port 0 takes any free port, so that it never collides.
  if (address->kind == io::Address::Kind::ip && address->port == 0) return;
  const auto [first, fresh] = claims.addresses.emplace(address->text(), field.value.at.line);
  if (!fresh)
    return field.fail(fmt::format("a listener has this address already, on line {}", first->second));
  if (address->kind == io::Address::Kind::ip) claim_port(field, *address, claims);
}

void read_listener_name(const Field& field, std::string& out, Lines& seen) {
  read_name(field, out);
  if (out.empty()) return;
  const auto [first, fresh] = seen.emplace(out, field.value.at.line);
  if (!fresh) field.fail(fmt::format("a listener has this name already, on line {}", first->second));
}

void read_protocol(const Field& field, Protocol& out, Mode mode) {
  if (mode == Mode::tcp) return field.fail("is for mode: http; raw connections carry what they like");
  read_word(field, out, std::span(kProtocols));
}

void read_age(const Field& field, Duration& out, Mode mode) {
  if (mode == Mode::tcp) return field.fail("is for mode: http; raw connections cannot be asked to leave");
  read_duration(field, out, kTimeoutOrOff);
}

void read_listener_rate_limit(const Field& field, Listener& out) {
  if (out.mode == Mode::tcp) return field.fail("is for mode: http; it counts requests");
  read_rate_limit(field, out.rate_limit, keys::kListenerRateLimit);
}

void read_listener(const Field& field, Listener& out, Claims& claims, Position& redirect) {
  const Section section(field, keys::kListener);
  section.require("address", read_listener_address, out.address, claims);
  section.read("name", read_listener_name, out.name, claims.names);
  section.read("mode", read_word<Mode>, out.mode, std::span(kModes));
  section.read("protocol", read_protocol, out.protocol, out.mode);
  section.read("max_connection_age", read_age, out.max_connection_age, out.mode);
  section.read("proxy_protocol", read_word<ProxyProtocol>, out.proxy_protocol, std::span(kProxyProtocols));
  section.read("tls", read_listener_tls, out, redirect);
  read_access(section, out.access);
  section.read("rate_limit", read_listener_rate_limit, out);
}

}  // namespace

void read_listeners(const Field& field, std::vector<Listener>& out, Places& places) {
  constexpr std::string_view kWanted = "a list of listeners, such as - address: 0.0.0.0:8080";
  if (!field.must_be(Value::Kind::list, kWanted)) return;
  if (field.value.items.empty()) return field.fail("has no listener; leave it out for 127.0.0.1:8080");
  Claims claims;
  std::vector<Position> redirects(field.value.items.size());
  out.assign(field.value.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Field item = field.item(i);
    places.listeners.push_back(item.value.at);
    read_listener(item, out[i], claims, redirects[i]);
  }
  name_the_nameless(out, [](const Listener& listener) { return listener.address.text(); });
  settle_redirects(out, redirects, field.report);
}

}  // namespace weir::config
