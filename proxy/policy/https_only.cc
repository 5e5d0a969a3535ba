#include "proxy/policy/https_only.h"

#include <chrono>
#include <string_view>

#include "proxy/base/ascii.h"
#include "proxy/http/uri.h"

namespace weir::policy {

namespace {

constexpr std::string_view kChallenges = "/.well-known/acme-challenge/";
constexpr std::uint16_t kHttpsPort = 443;

}  // namespace

bool is_for_https(const http::Request& request) {
  std::string_view scheme = request.fields.get(http::FieldId::x_forwarded_proto).value_or("");
  scheme = base::trim(scheme.substr(0, scheme.find(',')));  // the client's; proxies may add theirs
  return base::lowered(std::string(scheme)) != "https" && !request.target.starts_with(kChallenges);
}

std::string https_location(const http::Request& request, std::uint16_t port) {
  std::string location = "https://";
  location += http::host_without_port(request.authority);
  if (port != kHttpsPort) location += ":" + std::to_string(port);
  if (!request.target.starts_with('/')) return location + "/";  // OPTIONS *
  return location + request.target;
}

std::string strict_transport_security(const config::Hsts& hsts) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(hsts.max_age).count();
  std::string text = "max-age=" + std::to_string(seconds);
  if (hsts.include_subdomains) text += "; includeSubDomains";
  if (hsts.preload) text += "; preload";
  return text;
}

}  // namespace weir::policy
