// The keys of session tickets (RFC 5077, RFC 8446 4.6.1): the newest makes tickets, the ones before still
// open them, so that a client may resume its session at any worker and across reloads; a process that takes
// another's place takes its keys. They change by themselves. Any thread.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <span>

namespace weir::tls {

struct TicketKey {
  enum class Kind : std::uint8_t { aes256, aes128 };

  std::array<unsigned char, 16> name;
  std::array<unsigned char, 32> mac;     // HMAC-SHA256; of aes128 the first half
  std::array<unsigned char, 32> cipher;  // CBC; likewise
  Kind kind = Kind::aes256;

  std::size_t size() const { return kind == Kind::aes128 ? 16 : 32; }
  std::span<const unsigned char> mac_key() const { return std::span(mac).first(size()); }
  std::span<const unsigned char> cipher_key() const { return std::span(cipher).first(size()); }
  friend bool operator==(const TicketKey&, const TicketKey&) = default;
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

  // What another process needs to go on with them: all keys, the newest first, and how old that one is.
  struct Known {
    std::deque<TicketKey> keys;
    Clock::duration age{};
  };
  Known known(Clock::time_point now = Clock::now());
  // Before the first is made here. What is too old is left out.
  void begin_with(Known known, Clock::time_point now = Clock::now());

  // Those of all listeners that are given none of their own.
  static TicketKeys& of_process();

 private:
  void change(Clock::time_point now);

  std::mutex mutex_;
  std::deque<TicketKey> keys_;  // the newest first
  Clock::time_point made_{};
};

}  // namespace weir::tls
