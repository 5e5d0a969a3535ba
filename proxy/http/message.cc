#include "proxy/http/message.h"

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

void Request::swap(Request& other) noexcept {
  std::swap(method, other.method);
  std::swap(version, other.version);
  std::swap(length, other.length);
  std::swap(expects_continue, other.expects_continue);
  std::swap(accepts_trailers, other.accepts_trailers);
  method_text.swap(other.method_text);
  scheme.swap(other.scheme);
  authority.swap(other.authority);
  target.swap(other.target);
  upgrade.swap(other.upgrade);
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
