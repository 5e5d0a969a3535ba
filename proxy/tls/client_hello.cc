#include "proxy/tls/client_hello.h"

#include <algorithm>
#include <optional>

#include "proxy/base/ascii.h"
#include "proxy/io/address.h"

namespace weir::tls {

namespace {

using std::string_view;

constexpr unsigned kHandshakeRecord = 22, kVersionMajor = 3, kClientHello = 1;
constexpr std::size_t kRecordHeader = 5, kMessageHeader = 4;
constexpr std::size_t kServerName = 0, kHostName = 0;  // of extensions, and of names

// Takes numbers and pieces from the front; once something is short, all that follows is empty.
class Cursor {
 public:
  explicit Cursor(string_view bytes) : bytes_(bytes) {}

  bool good() const { return good_; }
  bool empty() const { return bytes_.empty(); }
  string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      good_ = false;
      bytes_ = {};
      return {};
    }
    const string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const char c : take(size)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }
  // Behind a length of so many bytes.
  Cursor vector(std::size_t length_size) { return Cursor(take(number(length_size))); }
  string_view rest() const { return bytes_; }

 private:
  string_view bytes_;
  bool good_ = true;
};

// One host name and nothing else, as RFC 6066 allows; the name of a host, and not an address.
std::string name_in(Cursor extension) {
  Cursor names = extension.vector(2);
  if (!extension.empty() || names.number(1) != kHostName) return {};
  const string_view name = names.vector(2).rest();
  if (!names.good() || !names.empty() || name.find_first_of(":/[") != name.npos) return {};
  const auto address = io::Address::parse(std::string(name) + ":1");
  if (!address || address->kind != io::Address::Kind::name) return {};
  return base::lowered(std::string(name));
}

// The body of a ClientHello.
std::string asked_name(string_view body) {
  Cursor hello(body);
  hello.take(2 + 32);  // version, random
  hello.vector(1);     // session
  hello.vector(2);     // ciphers
  hello.vector(1);     // compression
  Cursor extensions = hello.vector(2);
  while (hello.good() && extensions.good() && !extensions.empty()) {
    const std::size_t type = extensions.number(2);
    const Cursor extension = extensions.vector(2);
    if (extensions.good() && type == kServerName) return name_in(extension);
  }
  return {};
}

}  // namespace

ClientHello::State ClientHello::read(string_view bytes) {
  while (state_ == State::more && !bytes.empty()) {
    if (header_at_ < kRecordHeader) {
      state_ = take(bytes.front());
      bytes.remove_prefix(1);
      continue;
    }
    const string_view part = bytes.substr(0, record_left_);
    message_ += part;
    bytes.remove_prefix(part.size());
    seen_ += part.size();
    record_left_ -= part.size();
    if (record_left_ == 0) header_at_ = 0;
    if (message_.size() < kMessageHeader) continue;
    Cursor message(message_);
    const std::size_t type = message.number(1), size = message.number(3);
    if (type != kClientHello || size > kMost) return end();
    if (message_.size() < kMessageHeader + size) continue;
    server_name_ = asked_name(message.take(size));
    return end();
  }
  return state_;
}

// Of a record's header: its type, two bytes of a version whose second says nothing, two of its length.
ClientHello::State ClientHello::take(char byte) {
  const auto value = static_cast<unsigned char>(byte);
  ++seen_;
  switch (header_at_++) {
    case 0:
      if (value != kHandshakeRecord) return end();
      break;
    case 1:
      if (value != kVersionMajor) return end();
      break;
    case 2:
      break;
    case 3:
      record_left_ = std::size_t{value} << 8;
      break;
    default:
      record_left_ |= value;
      if (record_left_ == 0 || seen_ + record_left_ > kMost) return end();
  }
  return State::more;
}

ClientHello::State ClientHello::end() {
  state_ = State::over;
  message_ = {};
  return state_;
}

}  // namespace weir::tls
