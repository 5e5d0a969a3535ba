#include "proxy/policy/rewrite.h"

#include <algorithm>
#include <optional>
#include <string>

#include "proxy/base/ascii.h"
#include "proxy/http/field_names.h"

namespace weir::policy {
namespace {

using http::FieldId;

bool any_contains(std::span<const io::IpPrefix> prefixes, const io::Ip& ip) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const io::IpPrefix& prefix) { return prefix.contains(ip); });
}

// All values of X-Forwarded-For as one list, the way a chain of proxies wrote them.
std::string joined(const http::Fields& fields, FieldId id) {
  std::string list;
  fields.for_each([&](const http::Field& field) {
    if (field.id != id || field.value.empty()) return;
    if (!list.empty()) list += ", ";
    list += field.value;
  });
  return list;
}

// A directive that has no value.
bool lists(std::string_view directives, std::string_view wanted) {
  while (!directives.empty()) {
    const std::size_t end = directives.find(',');
    std::string_view each = directives.substr(0, end);
    directives = end == std::string_view::npos ? std::string_view() : directives.substr(end + 1);
    while (!each.empty() && (each.front() == ' ' || each.front() == '\t')) each.remove_prefix(1);
    while (!each.empty() && (each.back() == ' ' || each.back() == '\t')) each.remove_suffix(1);
    if (http::same_name(each, wanted)) return true;
  }
  return false;
}

std::string_view via_version(http::Version version) {
  switch (version) {
    case http::Version::http10:
      return "1.0 weir";
    case http::Version::http11:
      return "1.1 weir";
    case http::Version::http2:
      return "2 weir";
    case http::Version::http3:
      return "3 weir";
  }
  return "1.1 weir";
}

void append_via(http::Request& request) {
  std::string_view own = via_version(request.version);
  if (!request.fields.has(FieldId::via)) return request.fields.add(FieldId::via, own);
  std::string list = joined(request.fields, FieldId::via);
  list += ", ";
  list += own;
  request.fields.set(FieldId::via, list);
}

void append_forwarded_for(http::Request& request, const Forwarding& by) {
  const bool believed = by.trust == Trust::proxy && request.fields.has(FieldId::x_forwarded_for);
  const std::string peer = by.peer.peer_text();
  if (!believed) return request.fields.set(FieldId::x_forwarded_for, peer);
  std::string list = joined(request.fields, FieldId::x_forwarded_for);
  if (!list.empty()) list += ", ";
  request.fields.set(FieldId::x_forwarded_for, list += peer);
}

// What is fit for logs and for nodes.
constexpr std::size_t kLongestId = 128;

bool is_good_id(std::string_view id) {
  return id.size() <= kLongestId &&
         std::all_of(id.begin(), id.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

// The first that says anything decides, and goes on alone.
void settle_request_id(http::Request& request, const Forwarding& by) {
  http::Fields& fields = request.fields;
  std::string_view given;
  if (by.trust == Trust::proxy && fields.has(FieldId::x_request_id))
    fields.for_each([&](const http::Field& field) {
      if (field.id == FieldId::x_request_id && given.empty()) given = field.value;
    });
  if (given.empty() || !is_good_id(given)) return fields.set(FieldId::x_request_id, by.request_id);
  if (fields.repeated(FieldId::x_request_id)) fields.set(FieldId::x_request_id, given);
}

void tell_certificate(http::Fields& fields, const io::Identity& identity) {
  if (!identity.subject.empty()) fields.add("X-Client-Cert-Subject", identity.subject);
  fields.add("X-Client-Cert-Fingerprint", identity.fingerprint);
}

// An address, or one with a port; IPv6 may be in brackets, as some proxies have it.
std::optional<io::Ip> ip_of_hop(std::string_view hop) {
  const bool bracketed = hop.starts_with('[') && hop.ends_with(']');
  if (const auto ip = io::Ip::parse(bracketed ? hop.substr(1, hop.size() - 2) : hop)) return ip;
  const auto address = io::Address::parse(hop);
  const bool is_ip = address && address->kind == io::Address::Kind::ip;
  return is_ip ? std::optional(address->ip) : std::nullopt;
}

}  // namespace

Trust trust_of(const io::Ip& peer, std::span<const io::IpPrefix> trusted) {
  return any_contains(trusted, peer) ? Trust::proxy : Trust::none;
}

io::Ip client_of(const http::Request& request, const io::Ip& peer, std::span<const io::IpPrefix> trusted) {
  if (!request.fields.has(FieldId::x_forwarded_for) || trust_of(peer, trusted) == Trust::none) return peer;
  std::string list = joined(request.fields, FieldId::x_forwarded_for);
  std::string_view rest = list;
  io::Ip client = peer;
  while (!rest.empty()) {
    std::size_t comma = rest.rfind(',');
    const std::string_view hop = base::trim(comma == std::string_view::npos ? rest : rest.substr(comma + 1));
    const auto ip = ip_of_hop(hop);
    const bool trusted_unix = hop == io::Ip::kUnixPeer && any_contains(trusted, io::Ip{});
    if (!ip && !trusted_unix) return client;  // a name: as far as it can be read
    client = ip.value_or(io::Ip{});
    if (comma == std::string_view::npos || !any_contains(trusted, client)) return client;
    rest = rest.substr(0, comma);
  }
  return client;
}

void forward(http::Request& request, const Forwarding& by) {
  http::Fields& fields = request.fields;
  const bool believed = by.trust == Trust::proxy;
  append_forwarded_for(request, by);
  if (!believed) {
    fields.remove(FieldId::forwarded);
    fields.remove_unknown(http::vouches_for_client);
  } else {
    fields.remove_unknown(http::tells_certificate);
  }
  if (by.identity != nullptr) tell_certificate(fields, *by.identity);
  if (!believed || !fields.has(FieldId::x_forwarded_proto))
    fields.set(FieldId::x_forwarded_proto, believed && !request.scheme.empty() ? request.scheme : by.scheme);
  if ((!believed || !fields.has(FieldId::x_forwarded_host))) {
    fields.remove(FieldId::x_forwarded_host);
    if (!request.authority.empty()) fields.add(FieldId::x_forwarded_host, request.authority);
  }
  append_via(request);
  settle_request_id(request, by);
}

void forward(http::Response& response, std::string_view date) {
  if (!response.fields.has(FieldId::date)) response.fields.add(FieldId::date, date);
}

void keep_from_shared_caches(http::Fields& fields) {
  bool kept = false;
  fields.for_each([&](const http::Field& field) {
    if (field.id == FieldId::cache_control)
      kept |= lists(field.value, "private") || lists(field.value, "no-store");
  });
  if (!kept) fields.add(FieldId::cache_control, "private");
}

}  // namespace weir::policy
