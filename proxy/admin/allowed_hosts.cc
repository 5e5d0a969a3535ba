#include "proxy/admin/allowed_hosts.h"

#include <algorithm>
#include <utility>

#include "proxy/base/ascii.h"
#include "proxy/http/uri.h"

namespace weir::admin {
namespace {

// Without port, brackets and one dot at its end, in lower case.
std::string bare(std::string_view host) {
  host = http::host_without_port(host);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.ends_with('.'))
    host.remove_suffix(1);
  return base::lowered(std::string(host));
}

template <typename List, typename Item>
bool holds(const List& list, const Item& item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

}  // namespace

AllowedHosts::AllowedHosts(io::Address address, const std::vector<std::string>& hosts)
    : address_(std::move(address)) {
  for (const std::string& host : hosts) {
    std::string name = bare(host);
    if (const auto ip = io::Ip::parse(name))
      ips_.push_back(*ip);
    else
      names_.push_back(std::move(name));
  }
}

// Where it listens on all addresses, any address will do: none of them can be a stranger's name.
bool AllowedHosts::allow(std::string_view host) const {
  const std::string name = bare(host);
  const auto ip = io::Ip::parse(name);
  if (!ip) return holds(names_, name);
  if (holds(ips_, *ip)) return true;
  return address_.kind == io::Address::Kind::ip && (address_.ip.is_any() || *ip == address_.ip);
}

}  // namespace weir::admin
