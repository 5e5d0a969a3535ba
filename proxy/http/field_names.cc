#include "proxy/http/field_names.h"

#include <algorithm>
#include <array>

#include "proxy/base/ascii.h"

namespace weir::http {
namespace {

constexpr std::string_view kEndToEnd[] = {
    "a-im",
    "accept-ch",
    "accept-charset",
    "accept-datetime",
    "accept-patch",
    "accept-post",
    "accept-signature",
    "access-control-allow-credentials",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-allow-origin",
    "access-control-expose-headers",
    "access-control-max-age",
    "access-control-request-headers",
    "access-control-request-method",
    "allow",
    "alt-svc",
    "alt-used",
    "apply-to-redirect-ref",
    "authentication-control",
    "authentication-info",
    "cache-status",
    "cal-managed-id",
    "capsule-protocol",
    "cdn-cache-control",
    "cdn-loop",
    "clear-site-data",
    "client-cert",
    "client-cert-chain",
    "content-digest",
    "content-disposition",
    "content-id",
    "content-language",
    "content-location",
    "content-md5",
    "content-range",
    "content-security-policy",
    "content-security-policy-report-only",
    "cookie2",
    "cross-origin-embedder-policy",
    "cross-origin-embedder-policy-report-only",
    "cross-origin-opener-policy",
    "cross-origin-opener-policy-report-only",
    "cross-origin-resource-policy",
    "dasl",
    "dav",
    "delta-base",
    "deprecation",
    "depth",
    "destination",
    "digest",
    "dpop",
    "dpop-nonce",
    "early-data",
    "expect-ct",
    "from",
    "hobareg",
    "if",
    "if-match",
    "if-range",
    "if-schedule-tag-match",
    "if-unmodified-since",
    "im",
    "include-referred-token-binding-id",
    "label",
    "last-event-id",
    "link",
    "link-template",
    "lock-token",
    "max-forwards",
    "memento-datetime",
    "mime-version",
    "negotiate",
    "nel",
    "odata-entityid",
    "odata-isolation",
    "odata-maxversion",
    "odata-version",
    "optional-www-authenticate",
    "ordering-type",
    "origin-agent-cluster",
    "overwrite",
    "permissions-policy",
    "ping-from",
    "ping-to",
    "position",
    "prefer",
    "preference-applied",
    "proxy-status",
    "public-key-pins",
    "public-key-pins-report-only",
    "redirect-ref",
    "refresh",
    "repeatability-client-id",
    "repeatability-first-sent",
    "repeatability-request-id",
    "repeatability-result",
    "replay-nonce",
    "reporting-endpoints",
    "repr-digest",
    "save-data",
    "schedule-reply",
    "schedule-tag",
    "sec-gpc",
    "sec-purpose",
    "sec-token-binding",
    "sec-websocket-accept",
    "sec-websocket-extensions",
    "sec-websocket-key",
    "sec-websocket-protocol",
    "sec-websocket-version",
    "server-timing",
    "set-cookie2",
    "signature",
    "signature-input",
    "slug",
    "soapaction",
    "strict-transport-security",
    "sunset",
    "timeout",
    "timing-allow-origin",
    "topic",
    "ttl",
    "urgency",
    "want-content-digest",
    "want-digest",
    "want-repr-digest",
    "warning",
    "www-authenticate",
    "x-content-type-options",
    "x-frame-options",
};
static_assert(std::ranges::is_sorted(kEndToEnd));

constexpr std::size_t kLongest = std::ranges::max(kEndToEnd, {}, &std::string_view::size).size();

// Whether `name` begins with `start`, which is in lower case and has hyphens.
bool begins_with(std::string_view name, std::string_view start) {
  return name.size() >= start.size() &&
         std::equal(start.begin(), start.end(), name.begin(),
                    [](char wanted, char c) { return wanted == (base::is_alnum(c) ? base::lower(c) : '-'); });
}

bool is(std::string_view name, std::string_view wanted) {
  return name.size() == wanted.size() && begins_with(name, wanted);
}

}  // namespace

bool is_end_to_end(std::string_view name) {
  std::array<char, kLongest> text;
  if (name.size() > text.size()) return false;
  std::transform(name.begin(), name.end(), text.begin(), base::lower);
  return std::ranges::binary_search(kEndToEnd, std::string_view(text.data(), name.size()));
}

bool vouches_for_client(std::string_view name) {
  return begins_with(name, "x-forwarded-") || is(name, "x-real-ip") || is(name, "x-request-id") ||
         tells_certificate(name);
}

bool tells_certificate(std::string_view name) {
  return is(name, "x-client-cert-subject") || is(name, "x-client-cert-fingerprint");
}

}  // namespace weir::http
