#include "proxy/policy/admission.h"

#include <fmt/format.h>

#include <algorithm>

#include "balancer/hash.h"
#include "proxy/policy/request_key.h"

namespace weir::policy {
namespace {

bool holds(const std::vector<io::IpPrefix>& networks, const io::Ip& ip) {
  return std::any_of(networks.begin(), networks.end(),
                     [&ip](const io::IpPrefix& network) { return network.contains(ip); });
}

// Whole seconds, of which a part counts as one.
std::int64_t seconds(base::Duration span) {
  return std::chrono::ceil<std::chrono::seconds>(span).count();
}

}  // namespace

RateRule::RateRule(const config::RateLimit& limit, std::string_view owner)
    : limit(limit),
      id(balancer::hash(owner)),
      pace{std::max(limit.per / static_cast<base::Duration::rep>(limit.requests), base::Duration(1)),
           limit.burst},
      policy(fmt::format(R"("requests";q={};w={})", limit.requests, seconds(limit.per))) {}

std::shared_ptr<const Admission> make_admission(const config::Access& access,
                                                const std::optional<config::RateLimit>& rate,
                                                std::string_view owner) {
  if (access.allow.empty() && access.deny.empty() && !rate) return nullptr;
  auto admission = std::make_shared<Admission>();
  admission->access = access;
  if (rate) admission->rate.emplace(*rate, owner);
  return admission;
}

bool permits(const config::Access& access, const io::Ip& client) {
  if (holds(access.deny, client)) return false;
  return access.allow.empty() || holds(access.allow, client);
}

RateKey::RateKey(const RateRule& rule, const http::Request& request, const io::Ip& client) : limit_(rule.id) {
  if (const auto value = find_key(rule.limit.key, request)) {
    text_ = *value;
    return;
  }
  if (rule.limit.key.source != config::HashSource::client_ip) limit_ = ~limit_;
  const bool v4 = client.family == io::Ip::Family::v4;
  const io::Ip network = client.network(v4 ? rule.limit.ipv4_prefix : rule.limit.ipv6_prefix);
  address_[0] = static_cast<char>(network.family);
  std::copy(network.bytes.begin(), network.bytes.end(), address_.begin() + 1);
  text_ = {address_.data(), address_.size()};
}

void describe(const RateRule& rule, const RateVerdict& verdict, http::Fields& fields) {
  fields.set("Retry-After", fmt::format_int(std::max<std::int64_t>(seconds(verdict.wait), 1)).str());
  fields.set("RateLimit-Policy", rule.policy);
  fields.set("RateLimit", fmt::format(R"("requests";r={};t={})", verdict.left, seconds(verdict.renewal)));
}

}  // namespace weir::policy
