#include "proxy/observe/otlp.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "proxy/http/message.h"
#include "proxy/http/uri.h"

namespace weir::observe {
namespace {

using Json = nlohmann::ordered_json;
using std::string_view;

// Put together piece by piece: initializer lists would copy each piece several times.
Json object(const char* key, Json value) {
  Json made = Json::object();
  made.emplace(key, std::move(value));
  return made;
}

class Attributes {
 public:
  void add(string_view key, string_view text) {
    if (!text.empty()) push(key, object("stringValue", text));
  }
  // 64-bit integers are text in JSON (proto3's mapping).
  void add(string_view key, std::int64_t number) { push(key, object("intValue", std::to_string(number))); }
  void add_real(string_view key, double number) { push(key, object("doubleValue", number)); }
  Json take() { return std::move(list_); }

 private:
  void push(string_view key, Json value) {
    Json attribute = object("key", key);
    attribute.emplace("value", std::move(value));
    list_.push_back(std::move(attribute));
  }

  Json list_ = Json::array();
};

bool is_known(const Span& span) {
  return http::method_of(span.method) != http::Method::other;
}

// Low in cardinality: no path, no method that a client made up.
std::string name_of(const Span& span) {
  std::string name = is_known(span) ? span.method : "HTTP";
  const std::string& where = span.kind == Span::Kind::server ? span.route : span.pool;
  return where.empty() ? name : name + " " + where;
}

// The values of parameters that sign a URL are secrets; the conventions name these.
bool is_secret(string_view parameter) {
  constexpr string_view kSecret[] = {"AWSAccessKeyId", "Signature", "sig", "X-Goog-Signature"};
  return std::ranges::find(kSecret, parameter) != std::end(kSecret);
}

std::string scrubbed(string_view query) {
  std::string clean;
  while (!query.empty()) {
    const string_view parameter = query.substr(0, query.find('&'));
    const std::size_t equals = parameter.find('=');
    if (equals != parameter.npos && is_secret(parameter.substr(0, equals)))
      clean.append(parameter.substr(0, equals)).append("=REDACTED");
    else
      clean += parameter;
    query.remove_prefix(parameter.size());
    if (query.empty()) break;
    clean += '&';
    query.remove_prefix(1);
  }
  return clean;
}

struct Url {
  explicit Url(string_view target) {
    const std::size_t mark = std::min(target.find('?'), target.size());
    path = target.substr(0, mark);
    if (mark < target.size()) query = scrubbed(target.substr(mark + 1));
  }
  std::string text() const { return query.empty() ? std::string(path) : std::string(path) + "?" + query; }

  string_view path;
  std::string query;
};

void add_server_address(Attributes& to, string_view authority) {
  if (!http::valid_host(authority)) return;
  string_view host = http::host_without_port(authority);
  const string_view port = authority.substr(std::min(host.size() + 1, authority.size()));
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  to.add("server.address", host);
  int number = 0;
  if (std::from_chars(port.data(), port.data() + port.size(), number).ec == std::errc())
    to.add("server.port", number);
}

void add_node_address(Attributes& to, const std::string& node, const Url& url) {
  const auto address = io::Address::parse(node);
  if (!address) return;
  const bool local = address->kind == io::Address::Kind::unix_path;
  to.add("server.address", local ? address->text_ : address->ip.text());
  if (!local) to.add("server.port", address->port);
  to.add("url.full", "http://" + (local ? "localhost" : node) + url.text());
}

void add_own(Attributes& to, const Span& span) {
  const Url url(span.target);
  if (span.kind == Span::Kind::client) {
    add_node_address(to, span.node, url);
    to.add("network.protocol.version", "1.1");
    if (span.attempt > 1) to.add("http.request.resend_count", span.attempt - 1);
    return;
  }
  to.add("url.path", url.path);
  to.add("url.query", url.query);
  to.add("url.scheme", span.scheme);
  add_server_address(to, span.host);
  to.add("client.address", span.client.text());
  to.add("network.protocol.version", span.protocol);
  to.add("user_agent.original", span.user_agent);
  to.add("weir.route", span.route);
  if (span.queued_ns > 0) to.add_real("weir.queued_ms", static_cast<double>(span.queued_ns) / 1e6);
}

// On the client's side of Weir a 4xx is the client's error, and its own to report.
bool failed(const Span& span) {
  if (span.kind == Span::Kind::client) return span.reason != base::Reason::none || span.status >= 400;
  return span.status >= 500 ||
         (span.reason != base::Reason::none && (span.status < 400 || span.status >= 500));
}

Json attributes_of(const Span& span) {
  Attributes all;
  all.add("http.request.method", is_known(span) ? span.method : "_OTHER");
  if (!is_known(span)) all.add("http.request.method_original", span.method);
  add_own(all, span);
  if (span.status > 0) all.add("http.response.status_code", span.status);
  all.add("weir.pool", span.pool);
  all.add("weir.node", span.node);
  const bool has_reason = span.reason != base::Reason::none;
  if (has_reason) all.add("weir.reason", word(span.reason));
  if (failed(span)) all.add("error.type", has_reason ? word(span.reason) : std::to_string(span.status));
  return all.take();
}

Json json_of(const Span& span) {
  constexpr int kStatusError = 2;
  Json json = object("traceId", base::hex(span.trace));
  json.emplace("spanId", base::hex(span.id));
  json.emplace("name", name_of(span));
  json.emplace("kind", static_cast<int>(span.kind));
  json.emplace("startTimeUnixNano", std::to_string(span.begin_ns));
  json.emplace("endTimeUnixNano", std::to_string(span.end_ns));
  json.emplace("attributes", attributes_of(span));
  if (span.parent != 0) json["parentSpanId"] = base::hex(span.parent);
  if (!span.state.empty()) json["traceState"] = span.state;
  if (failed(span)) {
    json["status"]["code"] = kStatusError;
    if (!span.detail.empty()) json["status"]["message"] = span.detail;
  }
  return json;
}

// As text, which is what proto3's mapping asks for, or as a number, which it allows.
std::uint64_t count_of(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  std::uint64_t count = 0;
  if (const auto* text = value.get_ptr<const std::string*>())
    std::from_chars(text->data(), text->data() + text->size(), count);
  return count;
}

}  // namespace

std::string otlp_request(std::span<const Span> spans, string_view service) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(json_of(span));
  Attributes resource;
  resource.add("service.name", service);
  Json scope = object("scope", object("name", "weir"));
  scope.emplace("spans", std::move(list));
  Json part = object("resource", object("attributes", resource.take()));
  part.emplace("scopeSpans", Json::array({std::move(scope)}));
  const Json request = object("resourceSpans", Json::array({std::move(part)}));
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

OtlpAnswer parse_otlp_answer(string_view body) {
  OtlpAnswer answer;
  const Json json = Json::parse(body, nullptr, false);
  if (!json.is_object() || !json.contains("partialSuccess")) return answer;
  const Json& partial = json["partialSuccess"];
  if (!partial.is_object()) return answer;
  if (partial.contains("rejectedSpans")) answer.rejected_spans = count_of(partial["rejectedSpans"]);
  if (partial.contains("errorMessage") && partial["errorMessage"].is_string())
    answer.message = partial["errorMessage"].get<std::string>();
  return answer;
}

}  // namespace weir::observe
