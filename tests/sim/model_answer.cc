#include "tests/sim/model_answer.h"

#include <charconv>
#include <chrono>
#include <optional>

#include "tests/sim/body_pattern.h"

namespace weir::sim {
namespace {

std::uint32_t number(std::string_view text) {
  std::uint32_t value = UINT32_MAX;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

// "Sun, 06 Nov 1994 08:49:37 GMT", in seconds since 1970.
std::optional<std::int64_t> parse_date(std::string_view text) {
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (text.size() != 29) return std::nullopt;
  const std::size_t month = kMonths.find(text.substr(8, 3));
  if (month == std::string_view::npos) return std::nullopt;
  const std::chrono::sys_days day = std::chrono::year(static_cast<int>(number(text.substr(12, 4)))) /
                                    static_cast<int>(month / 3 + 1) /
                                    static_cast<int>(number(text.substr(5, 2)));
  return std::chrono::duration_cast<std::chrono::seconds>(day.time_since_epoch()).count() +
         number(text.substr(17, 2)) * 3600 + number(text.substr(20, 2)) * 60 + number(text.substr(23, 2));
}

}  // namespace

void ModelAnswer::begin(RequestId id, const MessageHead& head) {
  id_ = id;
  tunnel_ = false;
  size_ = 0;
  const int status = head.status();
  RequestEntry& entry = *book_.find(id);
  entry.status = status;
  entry.read_size = 0;
  entry.read_at = world_.now();
  const std::string_view named = head.get("X-Id");
  local_ = named.empty();
  attempt_ = local_ ? 0 : number(head.get("X-Try"));
  if (local_ && status < 400) book_.broken("request {} was answered {} by nobody", id, status);
  if (!local_ && number(named) != id) book_.broken("request {} got the answer to {}", id, named);
  check_date(head);
  book_.tell("request {} is answered {}{}", id, status, local_ ? " by Weir" : "");
}

void ModelAnswer::begin_tunnel(RequestId id) {
  id_ = id;
  tunnel_ = true;
  size_ = 0;
  book_.find(id)->status = 101;
  if (!book_.find(id)->plan->upgrade) book_.broken("request {} was answered 101 and asked for none", id);
}

void ModelAnswer::add(std::string_view bytes) {
  RequestEntry& entry = *book_.find(id_);
  if (tunnel_) {
    if (!BodyPattern::matches(bytes, body_stream(id_, BodyRole::from_tunnel), size_))
      book_.broken("the tunnel {} brought other bytes than were sent, after {}", id_, size_);
    size_ += bytes.size();
    entry.moved_at = world_.now();
    return;
  }
  if (!local_ && !BodyPattern::matches(bytes, body_stream(id_, BodyRole::answer, attempt_), size_))
    book_.broken("the answer to {} has other bytes than were sent, after {}", id_, size_);
  entry.read_size = size_ += bytes.size();
  entry.read_at = world_.now();
}

void ModelAnswer::check_trailers(const MessageHead& trailers) const {
  if (!local_ && number(trailers.get("X-Trailer")) != id_)
    book_.broken("request {} got trailers that are not its own", id_);
}

void ModelAnswer::end() {
  RequestEntry& entry = *book_.find(id_);
  ++(local_ ? book_.refused : book_.answered);
  if (!local_ && whole_size(entry, attempt_) != size_)
    book_.broken("the answer to {} ended after {} bytes as if it were whole; it has {}", id_, size_,
                 whole_size(entry, attempt_));
  entry.ended = true;
}

// No answer goes without the time of day at which it was made.
void ModelAnswer::check_date(const MessageHead& head) const {
  const auto second = parse_date(head.get("Date"));
  if (!second || !world_.wall_was(*second, book_.find(id_)->asked_at))
    book_.broken("the answer to {} is of {}", id_, head.get("Date"));
}

}  // namespace weir::sim
