#include "tests/sim/model_cookies.h"

#include <charconv>

namespace weir::sim {
namespace {

constexpr std::string_view kNameAndSign = "weir=";

std::size_t number_in(std::string_view text) {
  std::size_t value = SIZE_MAX;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

std::string ModelCookies::bring(RequestId id) {
  RequestEntry& entry = *book_.find(id);
  entry.cookie.clear();
  entry.session.clear();
  entry.brings_cookies = false;
  if (plan_.cookies == ClientCookies::none) return "";
  entry.brings_cookies = true;
  std::string field = std::string(kOtherCookie);
  if (plan_.cookies == ClientCookies::forged && id % 3 == 0) {
    book_.struck("forged cookie");
    std::string forged = value_.empty() ? "AAAAAAAAAAAAAAAAAAAAAA" : value_;
    forged[id % forged.size()] = forged[id % forged.size()] == 'A' ? 'B' : 'A';
    return field.append("; ").append(kNameAndSign).append(forged);
  }
  if (value_.empty()) return field;
  entry.cookie = value_;
  entry.session = book_.node_of_cookie(value_);
  return field.append("; ").append(kNameAndSign).append(value_);
}

void ModelCookies::see(RequestId id, const MessageHead& head) {
  RequestEntry& entry = *book_.find(id);
  const std::string_view made = head.get("Set-Cookie");
  const bool local = head.get("X-Id").empty();
  if (made.empty()) {
    // A backup keeps nobody, nor does a node that was taken away meanwhile.
    if (!local && book_.plan().sticky && !book_.plan().tiered && entry.cookie.empty() &&
        !book_.relisted_since(entry.asked_at))
      book_.broken("request {} came without a session, and began none", id);
    return;
  }
  if (local || !book_.plan().sticky) return book_.broken("request {} got a cookie for nothing", id);
  take(entry, id, made, number_in(head.get("X-Try")));
  if (head.get("Cache-Control") != "private") book_.broken("the cookie of {} may lie in a cache", id);
}

void ModelCookies::take(RequestEntry& entry, RequestId id, std::string_view made, std::size_t attempt) {
  if (!made.starts_with(kNameAndSign)) return book_.broken("request {} got another cookie", id);
  const bool secure = made.find("; Secure") != std::string_view::npos;
  if (secure != plan_.tls.has_value()) book_.broken("the cookie of {} is for the wrong connections", id);
  const std::string value(made.substr(kNameAndSign.size(), made.find(';') - kNameAndSign.size()));
  // Unless the node that it names came back meanwhile.
  if (value == entry.cookie && !book_.relisted_since(entry.asked_at))
    book_.broken("request {} got the cookie that it had brought", id);
  // A client of one that gives it anew goes to another node, or to a pool of another name.
  book_.struck(entry.cookie.empty() ? "session begins" : "session moves");
  if (attempt >= entry.nodes.size() || !book_.note_cookie(value, entry.nodes[attempt]))
    book_.broken("the cookie of {} names another node than the one that answered", id);
  if (plan_.cookies != ClientCookies::none) value_ = value;
}

}  // namespace weir::sim
