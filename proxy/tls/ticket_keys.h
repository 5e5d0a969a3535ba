// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): the newest makes tickets, the ones before still
// open them, so that a client may resume its session at any worker and across reloads. They change by
// themselves. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

namespace weir::tls {

struct TicketKey {
  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> mac;     // HMAC-SHA256
  std::array<unsigned char, 32> cipher;  // AES-256-CBC
};

class TicketKeys {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr Clock::duration kPeriod = std::chrono::hours(8);  // of making tickets with one key
  static constexpr std::size_t kKept = 3;

  // Nothing where the machine has no random bytes to give.
  std::optional<TicketKey> newest(Clock::time_point now = Clock::now());
  struct Found {
    TicketKey key;
    enum class Age : bool { newest, older } age;
  };
  std::optional<Found> find(std::span<const unsigned char, 16> name, Clock::time_point now = Clock::now());

 private:
  void change(Clock::time_point now);

  std::mutex mutex_;
  std::deque<TicketKey> keys_;  // the newest first
  Clock::time_point made_{};
};

}  // namespace weir::tls
