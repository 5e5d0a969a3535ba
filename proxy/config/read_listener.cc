#include "proxy/config/read_listener.h"

#include <fmt/format.h>

#include <map>

#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

constexpr std::string_view kAllowed = "IP:PORT, [IPV6]:PORT or unix:/PATH, such as 0.0.0.0:8080";

using Seen = std::map<std::string, int>;  // what, and on which line first

void read_address(const Field& field, io::Address& out, Seen& seen) {
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const auto address = io::Address::parse(field.value.text);
  if (!address) return field.refuse(kAllowed);
  if (address->kind == io::Address::Kind::name)
    return field.fail(fmt::format("{} is a host name; allowed: {}", in_quotes(field.value.text), kAllowed));
  out = *address;
  // Port 0 takes any free port, so that it never collides.
  if (address->kind == io::Address::Kind::ip && address->port == 0) return;
  const auto [first, fresh] = seen.emplace(address->text(), field.value.at.line);
  if (!fresh) field.fail(fmt::format("a listener has this address already, on line {}", first->second));
}

void read_unique_name(const Field& field, std::string& out, Seen& seen) {
  read_name(field, out);
  if (out.empty()) return;
  const auto [first, fresh] = seen.emplace(out, field.value.at.line);
  if (!fresh) field.fail(fmt::format("a listener has this name already, on line {}", first->second));
}

void read_listener(const Field& field, Listener& out, Seen& addresses, Seen& names) {
  const Section section(field, keys::kListener);
  section.require("address", read_address, out.address, addresses);
  section.read("name", read_unique_name, out.name, names);
  if (out.name.empty()) out.name = out.address.text();
}

}  // namespace

void read_listeners(const Field& field, std::vector<Listener>& out) {
  constexpr std::string_view kWanted = "a list of listeners, such as - address: 0.0.0.0:8080";
  if (!field.must_be(Value::Kind::list, kWanted)) return;
  if (field.value.items.empty()) return field.fail("has no listener; leave it out for 127.0.0.1:8080");
  Seen addresses, names;
  out.assign(field.value.items.size(), {});
  for (std::size_t i = 0; i < out.size(); ++i) read_listener(field.item(i), out[i], addresses, names);
}

}  // namespace weir::config
