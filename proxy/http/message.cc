#include "proxy/http/message.h"

#include <array>
#include <utility>

namespace weir::http {

Method method_of(std::string_view text) {
  if (text == "GET") return Method::get;
  if (text == "POST") return Method::post;
  if (text == "HEAD") return Method::head;
  if (text == "PUT") return Method::put;
  if (text == "DELETE") return Method::del;
  if (text == "OPTIONS") return Method::options;
  if (text == "PATCH") return Method::patch;
  if (text == "CONNECT") return Method::connect;
  if (text == "TRACE") return Method::trace;
  return Method::other;
}

bool is_safe(Method method) {
  return method == Method::get || method == Method::head || method == Method::options ||
         method == Method::trace;
}

bool is_idempotent(Method method) {
  return is_safe(method) || method == Method::put || method == Method::del;
}

std::string_view name_of(Version version) {
  constexpr std::array<std::string_view, 4> kNames = {"HTTP/1.0", "HTTP/1.1", "HTTP/2.0", "HTTP/3.0"};
  return kNames[static_cast<std::size_t>(version)];
}

std::string_view number_of(Version version) {
  constexpr std::array<std::string_view, 4> kNumbers = {"1.0", "1.1", "2", "3"};
  return kNumbers[static_cast<std::size_t>(version)];
}

void Request::clear() {
  method = Method::get;
  version = Version::http11;
  length = {};
  expects_continue = accepts_trailers = false;
  method_text.clear();
  scheme.clear();
  authority.clear();
  target.clear();
  upgrade.clear();
  fields.clear();
}

void Request::take(Request& other) {
  method = other.method;
  version = other.version;
  length = other.length;
  expects_continue = other.expects_continue;
  accepts_trailers = other.accepts_trailers;
  method_text = std::move(other.method_text);
  scheme = std::move(other.scheme);
  authority = std::move(other.authority);
  target = std::move(other.target);
  upgrade = std::move(other.upgrade);
  fields.swap(other.fields);
}

void Response::clear() {
  status = 0;
  version = Version::http11;
  length = {};
  reason_phrase.clear();
  upgrade.clear();
  fields.clear();
}

}  // namespace weir::http
