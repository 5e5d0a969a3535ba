#include "proxy/tls/ticket_keys.h"

#include <openssl/rand.h>

#include <algorithm>
#include <utility>

namespace weir::tls {

void TicketKeys::change(Clock::time_point now) {
  if (!keys_.empty() && now - made_ < kPeriod) return;
  if (!keys_.empty() && now - made_ >= kPeriod * kKept) keys_.clear();
  TicketKey key;
  const bool drawn = RAND_bytes(key.name.data(), static_cast<int>(key.name.size())) == 1 &&
                     RAND_priv_bytes(key.mac.data(), static_cast<int>(key.mac.size())) == 1 &&
                     RAND_priv_bytes(key.cipher.data(), static_cast<int>(key.cipher.size())) == 1;
  if (!drawn) return;
  keys_.push_front(key);
  if (keys_.size() > kKept) keys_.pop_back();
  made_ = now;
}

std::optional<TicketKey> TicketKeys::newest(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  change(now);
  return keys_.empty() ? std::nullopt : std::optional(keys_.front());
}

std::optional<TicketKeys::Found> TicketKeys::find(std::span<const unsigned char, 16> name,
                                                  Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  change(now);
  for (std::size_t i = 0; i < keys_.size(); ++i)
    if (std::equal(name.begin(), name.end(), keys_[i].name.begin()))
      return Found{keys_[i], i == 0 ? Found::Age::newest : Found::Age::older};
  return std::nullopt;
}

TicketKeys::Known TicketKeys::known(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (keys_.empty()) return {};
  change(now);
  return {keys_, now - made_};
}

void TicketKeys::begin_with(Known known, Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  if (!keys_.empty() || known.keys.empty()) return;
  keys_ = std::move(known.keys);
  if (keys_.size() > kKept) keys_.resize(kKept);
  made_ = now - std::clamp<Clock::duration>(known.age, Clock::duration::zero(), kPeriod * kKept);
}

TicketKeys& TicketKeys::of_process() {
  static TicketKeys keys;
  return keys;
}

}  // namespace weir::tls
