#include "proxy/config/read_hash_key.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/http/message.h"
#include "proxy/http/token.h"

namespace weir::config {

namespace {

// Known fields that no request has by the time its key is made; Host is the authority then.
bool ends_here(std::string_view name) {
  const http::FieldId id = http::field_id(name);
  return http::kHopByHop.has(id) || id == http::FieldId::content_length || id == http::FieldId::expect;
}

}  // namespace

void read_hash_key(const Field& field, HashKey& out) {
  constexpr std::string_view kAllowed = "client-ip, path, header:NAME, cookie:NAME, query:NAME";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  const std::string_view text = field.value.text;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view source = text.substr(0, colon);
  if (text == "client-ip" || text == "path") {
    out = {text == "path" ? HashSource::path : HashSource::client_ip, ""};
    return;
  }
  const std::string_view name = colon < text.size() ? text.substr(colon + 1) : std::string_view();
  if (name.size() > 256 || !http::is_token(name)) return field.refuse(kAllowed);
  if (source == "header") {
    if (ends_here(name))
      return field.fail(fmt::format("{} ends at Weir, so that every request would lack it; allowed: {}",
                                    in_quotes(name), "header:NAME of a field that goes on to the nodes"));
    out = {HashSource::header, std::string(name)};
  } else if (source == "cookie") {
    out = {HashSource::cookie, std::string(name)};
  } else if (source == "query") {
    out = {HashSource::query, std::string(name)};
  } else {
    field.refuse(kAllowed);
  }
}

}  // namespace weir::config
