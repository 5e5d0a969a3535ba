#include "proxy/policy/request_key.h"

namespace weir::policy {
namespace {

using std::string_view;

// The value of `name` in "name=value<separator>name=value...".
std::optional<string_view> find_pair(string_view list, string_view name, char separator) {
  while (!list.empty()) {
    std::size_t end = list.find(separator);
    string_view pair = list.substr(0, end);
    while (!pair.empty() && (pair.front() == ' ' || pair.front() == '\t')) pair.remove_prefix(1);
    if (pair.size() > name.size() && pair.substr(0, name.size()) == name && pair[name.size()] == '=')
      return pair.substr(name.size() + 1);
    if (end == string_view::npos) break;
    list.remove_prefix(end + 1);
  }
  return std::nullopt;
}

std::optional<string_view> find_cookie(const http::Request& request, string_view name) {
  std::optional<string_view> value;
  request.fields.for_each([&](const http::Field& field) {
    if (!value && field.id == http::FieldId::cookie) value = find_pair(field.value, name, ';');
  });
  return value;
}

}  // namespace

std::optional<string_view> find_key(const config::HashKey& key, const http::Request& request) {
  string_view target = request.target;
  std::size_t question = target.find('?');
  switch (key.source) {
    case config::HashSource::client_ip:
      break;
    case config::HashSource::path:
      return target.substr(0, question);
    case config::HashSource::header:
      if (http::same_name(key.name, "host")) return request.authority;
      return request.fields.get(key.name);
    case config::HashSource::cookie:
      return find_cookie(request, key.name);
    case config::HashSource::query:
      if (question != string_view::npos) return find_pair(target.substr(question + 1), key.name, '&');
      break;
  }
  return std::nullopt;
}

}  // namespace weir::policy
