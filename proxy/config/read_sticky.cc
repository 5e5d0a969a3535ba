#include "proxy/config/read_sticky.h"

#include "proxy/config/read_token.h"
#include "proxy/config/scalar.h"
#include "proxy/http/token.h"

namespace weir::config {

namespace {

void read_cookie_name(const Field& field, std::string& out) {
  constexpr std::string_view kAllowed = "a cookie's name, such as weir";
  if (!field.must_be(Value::Kind::scalar, kAllowed)) return;
  if (field.value.text.size() > kMostName || !http::is_token(field.value.text)) return field.refuse(kAllowed);
  out = field.value.text;
}

void read_secret(const Field& field, std::string& out) {
  std::optional<std::string> secret;
  read_token(field, secret);
  if (secret) out = std::move(*secret);
}

}  // namespace

void read_sticky(const Field& field, std::optional<Sticky>& out) {
  if (field.is(Value::Kind::scalar) && field.value.text == "off") return out.reset();
  Sticky sticky;
  const Section section(field, keys::kSticky);
  section.read("cookie", read_cookie_name, sticky.cookie);
  section.read("ttl", read_duration, sticky.ttl, DurationRange{1s, kYear, DurationRange::Off::allowed});
  section.read("secret", read_secret, sticky.secret);
  if (field.is(Value::Kind::map)) out = std::move(sticky);
}

}  // namespace weir::config
