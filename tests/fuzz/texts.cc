// What operators and clients write: configurations, log templates, request targets; and which route a request
// takes.
#include <string>
#include <vector>

#include "proxy/config/log_template.h"
#include "proxy/config/read.h"
#include "proxy/config/to_json.h"
#include "proxy/http/fields.h"
#include "proxy/http/uri.h"
#include "proxy/policy/router.h"
#include "tests/fuzz/target.h"
#include "tests/unit/policy/naive_router.h"

namespace weir::fuzz {
namespace {

// Whatever is read reads back, from what the API shows of it, as the same.
void configuration(std::string_view bytes) {
  const config::Loaded loaded = config::read_text(bytes, "fuzzed");
  if (!loaded.config) {
    bool error = false;
    for (const config::Diagnostic& each : loaded.diagnostics)
      error |= each.level == config::Diagnostic::Level::error && !each.what.empty();
    return must(error, "a configuration that is refused without a reason");
  }
  if (bytes.find("${") != bytes.npos) return;  // the environment's text may hold anything
  const config::Loaded again = config::read_text(config::to_json(*loaded.config), "shown");
  must(again.config.has_value(), "a configuration that is shown as no configuration");
  must(*again.config == *loaded.config, "a configuration that is shown as another");
}

std::string with_braces_doubled(std::string_view text) {
  std::string out;
  for (const char c : text) out.append(c == '{' || c == '}' ? 2 : 1, c);
  return out;
}

void log_template(std::string_view bytes) {
  const auto parsed = config::LogTemplate::parse(bytes);
  if (!parsed) return must(!parsed.error().empty(), "a template that is refused without a reason");
  std::string text;
  for (const config::LogTemplate::Piece& piece : parsed->pieces)
    text += with_braces_doubled(piece.before) + "{" +
            std::string(config::log_field_names()[static_cast<std::size_t>(piece.field)]) + "}";
  must(text + with_braces_doubled(parsed->after) == bytes,
       "a template that reads otherwise than it is written");
}

void uri(std::string_view bytes) {
  constexpr http::Method kMethods[] = {http::Method::get, http::Method::options, http::Method::connect};
  const http::Method method = kMethods[take_byte(bytes) % 3];
  must(http::valid_host(bytes) || !http::same_name(bytes, "a.test"), "a.test is a host");
  const auto target = http::parse_target(method, bytes);
  if (!target || target->path_and_query.empty()) return;
  std::string once, twice;
  http::normalise(target->path_and_query, once);
  if (once == "*") return;
  http::normalise(once, twice);
  must(once == twice, "a normal form that has another");
  must(once.starts_with('/'), "a path without its slash");
  const std::string path = once.substr(0, once.find('?')) + "/";
  must(path.find("/../") == path.npos && path.find("/./") == path.npos, "a dot segment that was left");
  must(http::parse_target(http::Method::get, once).has_value(), "a normal form that is no target");
  if (!target->authority.empty()) must(http::valid_host(target->authority), "an authority that is no host");
}

std::string next_word(std::string_view& bytes, std::string_view letters) {
  std::string word;
  for (unsigned size = take_byte(bytes) % 8; size > 0; --size)
    word += letters[take_byte(bytes) % letters.size()];
  return word;
}

void router(std::string_view bytes) {
  constexpr std::string_view kHost = "ab.", kPath = "ab/";
  std::vector<config::Route> routes(1 + take_byte(bytes) % 12);
  for (config::Route& route : routes) {
    const std::string host = next_word(bytes, kHost);
    const bool valid =
        !host.empty() && host.front() != '.' && host.back() != '.' && host.find("..") == host.npos;
    if (valid) route.match.host = (take_byte(bytes) % 3 == 0 ? "*." : "") + host;
    if (const std::string path = next_word(bytes, kPath); !path.empty()) route.match.path = "/" + path;
  }
  const policy::Router router(routes);
  while (!bytes.empty()) {
    const std::string host = next_word(bytes, "abAB.") + (take_byte(bytes) % 4 == 0 ? ":80" : "");
    const std::string path = "/" + next_word(bytes, kPath);
    const auto found = router.route(host, path);
    must((found ? static_cast<int>(*found) : -1) == policy::naive_route(routes, host, path),
         "a request that takes another route");
  }
}

const Target kConfiguration("config", configuration);
const Target kTemplate("log_template", log_template);
const Target kUri("uri", uri);
const Target kRouter("router", router);

}  // namespace
}  // namespace weir::fuzz
