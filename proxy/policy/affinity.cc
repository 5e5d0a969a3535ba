#include "proxy/policy/affinity.h"

#include <optional>
#include <string_view>

#include "balancer/hash.h"

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

std::uint64_t hash_ip(const io::Ip& ip) {
  return balancer::hash({reinterpret_cast<const char*>(ip.bytes.data()), ip.bytes.size()});
}

}  // namespace

std::uint64_t affinity(const config::HashKey& key, const http::Request& request, const io::Ip& client) {
  string_view target = request.target;
  std::size_t question = target.find('?');
  std::optional<string_view> value;
  switch (key.source) {
    case config::HashSource::client_ip:
      break;
    case config::HashSource::path:
      value = target.substr(0, question);
      break;
    case config::HashSource::header:
      value =
          http::same_name(key.name, "host") ? string_view(request.authority) : request.fields.get(key.name);
      break;
    case config::HashSource::cookie:
      value = find_cookie(request, key.name);
      break;
    case config::HashSource::query:
      if (question != string_view::npos) value = find_pair(target.substr(question + 1), key.name, '&');
      break;
  }
  return value ? balancer::hash(*value) : hash_ip(client);
}

}  // namespace weir::policy
