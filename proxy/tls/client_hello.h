// What a TLS client asks for in its first message, read from the bytes as they come and without answering:
// the name of the host that it wants (RFC 8446 4.1.2, RFC 6066 3). The message may lie in several records,
// and come in any pieces. What is no ClientHello, is larger than 16 KiB or names no host that could be one
// yields no name. It keeps no more than that, decides nothing, and needs no library.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::tls {

class ClientHello {
 public:
  static constexpr std::size_t kMost = 16 * 1024;  // bytes, with the records' headers

  enum class State : std::uint8_t {
    more,  // it goes on
    over,  // it is whole, or is none
  };

  // What has come next. Once it is over, nothing more is looked at.
  State read(std::string_view bytes);
  // "": none, or none yet. In lower case.
  const std::string& server_name() const { return server_name_; }

 private:
  State take(char byte);
  State end();

  std::string message_;  // of the records so far
  std::string server_name_;
  std::size_t seen_ = 0;         // bytes
  std::size_t header_at_ = 0;    // bytes of the present record's header
  std::size_t record_left_ = 0;  // of the present record
  State state_ = State::more;
};

}  // namespace weir::tls
