#include "proxy/codec/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "proxy/base/ascii.h"
#include "proxy/codec/crc32c.h"

namespace weir::codec {

namespace {

using std::string_view;
using namespace std::string_view_literals;
using State = ProxyHeaderReader::State;

constexpr string_view kWord = "PROXY "sv;                                      // begins version 1
constexpr string_view kSignature = "\x0D\x0A\x0D\x0A\0\x0D\x0A\x51UIT\x0A"sv;  // begins version 2
constexpr std::size_t kFixed = 16;  // bytes of version 2: signature, version and command, family, length

enum class Family : std::uint8_t { unspecified, inet, inet6, unix_socket };
constexpr std::array<std::size_t, 4> kBlockSizes = {0, 12, 36, 216};
constexpr unsigned kLocalCommand = 0, kProxyCommand = 1;
constexpr unsigned kStream = 1, kDatagram = 2;
constexpr unsigned kChecksum = 0x03;  // the type of the TLV that holds a CRC-32C

unsigned byte_at(string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

std::size_t number_at(string_view bytes, std::size_t at) {
  return byte_at(bytes, at) << 8 | byte_at(bytes, at + 1);
}

// Whether one begins the other, as far as both go.
bool agree(string_view bytes, string_view beginning) {
  const std::size_t common = std::min(bytes.size(), beginning.size());
  return bytes.substr(0, common) == beginning.substr(0, common);
}

// --- version 1

string_view take_word(string_view& line) {
  const std::size_t space = std::min(line.find(' '), line.size());
  const string_view word = line.substr(0, space);
  line.remove_prefix(std::min(space + 1, line.size()));
  return word;
}

std::optional<std::uint16_t> port_of(string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  unsigned port = 0;
  for (const char c : text) {
    if (!base::is_digit(c)) return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > UINT16_MAX) return std::nullopt;
  return static_cast<std::uint16_t>(port);
}

// An IPv4-mapped address is written as IPv6, and read as IPv4.
std::optional<io::Ip> ip_of(string_view text, Family family) {
  const bool is_v6 = text.find(':') != text.npos;
  if (is_v6 != (family == Family::inet6)) return std::nullopt;
  return io::Ip::parse(text);
}

// --- version 2

io::Ip v4_of(string_view bytes) {
  io::Ip ip{.family = io::Ip::Family::v4};
  std::copy_n(bytes.begin(), 4, ip.bytes.begin());
  return ip;
}

io::Ip v6_of(string_view bytes) {
  constexpr string_view kMapped = "\0\0\0\0\0\0\0\0\0\0\xff\xff"sv;
  if (bytes.starts_with(kMapped)) return v4_of(bytes.substr(kMapped.size()));
  io::Ip ip{.family = io::Ip::Family::v6};
  std::copy_n(bytes.begin(), 16, ip.bytes.begin());
  return ip;
}

// The checksum is over the whole header, with zeros where it stands itself.
bool is_checksum(string_view header, std::size_t at) {
  std::uint32_t crc = crc32c(header.substr(0, at));
  crc = crc32c("\0\0\0\0"sv, crc);
  crc = crc32c(header.substr(at + 4), crc);
  return number_at(header, at) == crc >> 16 && number_at(header, at + 2) == (crc & 0xffff);
}

// What follows the addresses: pieces of a type and a length each. All but the checksum is passed over.
State walk(string_view header, std::size_t at) {
  while (at < header.size()) {
    if (header.size() - at < 3) return State::malformed;
    const unsigned type = byte_at(header, at);
    const std::size_t size = number_at(header, at + 1);
    at += 3;
    if (size > header.size() - at) return State::malformed;
    if (type == kChecksum && (size != 4 || !is_checksum(header, at))) return State::malformed;
    at += size;
  }
  return State::done;
}

// --- writing

void put_number(std::string& out, std::size_t number) {
  out += static_cast<char>(number >> 8);
  out += static_cast<char>(number & 0xff);
}

bool is_known(const io::IpPort& end) {
  return end.ip.family != io::Ip::Family::none;
}

// The address as IPv6, the way RFC 4291 2.5.5.2 maps IPv4.
void put_v6(std::string& out, const io::Ip& ip) {
  const auto* bytes = reinterpret_cast<const char*>(ip.bytes.data());
  if (ip.family == io::Ip::Family::v6) {
    out.append(bytes, 16);
    return;
  }
  out.append(10, '\0').append(2, '\xff').append(bytes, 4);
}

std::string v6_text(const io::Ip& ip) {
  return ip.family == io::Ip::Family::v6 ? ip.text() : "::ffff:" + ip.text();
}

std::string write_v1(const io::IpPort& source, const io::IpPort& destination) {
  const bool v4 = source.ip.family == io::Ip::Family::v4 && destination.ip.family == source.ip.family;
  std::string line(v4 ? "PROXY TCP4 " : "PROXY TCP6 ");
  line += v4 ? source.ip.text() : v6_text(source.ip);
  line += ' ';
  line += v4 ? destination.ip.text() : v6_text(destination.ip);
  line += ' ' + std::to_string(source.port) + ' ' + std::to_string(destination.port) + "\r\n";
  return line;
}

std::string begin_v2(unsigned command, Family family) {
  std::string header(kSignature);
  header += static_cast<char>(0x20 | command);
  header +=
      static_cast<char>(family == Family::unspecified ? 0 : static_cast<unsigned>(family) << 4 | kStream);
  put_number(header, kBlockSizes[static_cast<std::size_t>(family)]);
  return header;
}

std::string write_v2(const io::IpPort& source, const io::IpPort& destination) {
  const bool v4 = source.ip.family == io::Ip::Family::v4 && destination.ip.family == source.ip.family;
  std::string header = begin_v2(kProxyCommand, v4 ? Family::inet : Family::inet6);
  for (const io::Ip* ip : {&source.ip, &destination.ip}) {
    if (v4)
      header.append(reinterpret_cast<const char*>(ip->bytes.data()), 4);
    else
      put_v6(header, *ip);
  }
  put_number(header, source.port);
  put_number(header, destination.port);
  return header;
}

}  // namespace

State ProxyHeaderReader::read(string_view& bytes) {
  std::size_t size = 0;
  if (text_.empty()) {
    const State state = judge(bytes, size);
    if (state == State::more) text_ = bytes, size = bytes.size();
    bytes.remove_prefix(size);
    return state;
  }
  const std::size_t before = text_.size();
  text_.append(bytes.substr(0, kFixed + kMostBlock - before));
  const State state = judge(text_, size);
  bytes.remove_prefix(state == State::more ? bytes.size() : state == State::done ? size - before : 0);
  return state;
}

State ProxyHeaderReader::judge(string_view bytes, std::size_t& size) {
  if (takes_ != Takes::v2 && agree(bytes, kWord)) return read_v1(bytes, size);
  if (takes_ != Takes::v1 && agree(bytes, kSignature)) return read_v2(bytes, size);
  return State::missing;
}

State ProxyHeaderReader::read_v1(string_view bytes, std::size_t& size) {
  const string_view most = bytes.substr(0, kMostLine);
  const std::size_t end = most.find_first_of("\r\n");
  if (end == most.npos) return most.size() < kMostLine ? State::more : State::malformed;
  if (end + 1 == most.size() && most[end] == '\r')
    return end + 1 < kMostLine ? State::more : State::malformed;
  if (!most.substr(end).starts_with("\r\n")) return State::malformed;
  size = end + 2;
  return read_line(most.substr(kWord.size(), end - kWord.size()));
}

State ProxyHeaderReader::read_line(string_view line) {
  const string_view protocol = take_word(line);
  if (protocol == "UNKNOWN") return State::done;
  if (protocol != "TCP4" && protocol != "TCP6") return State::malformed;
  const Family family = protocol == "TCP4" ? Family::inet : Family::inet6;
  const auto source = ip_of(take_word(line), family), destination = ip_of(take_word(line), family);
  const auto from = port_of(take_word(line)), to = port_of(line);
  if (!source || !destination || !from || !to) return State::malformed;
  header_ = {ProxyHeader::Kind::addresses, {*source, *from}, {*destination, *to}};
  return State::done;
}

State ProxyHeaderReader::read_v2(string_view bytes, std::size_t& size) {
  if (bytes.size() < kFixed) return State::more;
  const std::size_t block = number_at(bytes, 14);
  if (byte_at(bytes, 12) >> 4 != 2 || block > kMostBlock) return State::malformed;
  if (bytes.size() < kFixed + block) return State::more;
  size = kFixed + block;
  return read_block(bytes.substr(0, size));
}

// The block of LOCAL, and that of a family or a transport that says nothing to us, is passed over.
State ProxyHeaderReader::read_block(string_view header) {
  const unsigned command = byte_at(header, 12) & 0xf;
  const unsigned family = byte_at(header, 13) >> 4, transport = byte_at(header, 13) & 0xf;
  if (command == kLocalCommand) return State::done;
  if (command != kProxyCommand || family >= kBlockSizes.size() || transport > kDatagram)
    return State::malformed;
  const std::size_t tail = kFixed + kBlockSizes[family];
  if (header.size() < tail) return State::malformed;
  const auto spoken = static_cast<Family>(family);
  if (spoken == Family::unspecified) return State::done;
  if (const State state = walk(header, tail); state != State::done || transport != kStream) return state;
  const string_view block = header.substr(kFixed);
  const auto port_at = [&](std::size_t at) { return static_cast<std::uint16_t>(number_at(block, at)); };
  if (spoken == Family::unix_socket)
    header_ = {ProxyHeader::Kind::unix_peer, {}, {}};
  else if (spoken == Family::inet)
    header_ = {
        ProxyHeader::Kind::addresses, {v4_of(block), port_at(8)}, {v4_of(block.substr(4)), port_at(10)}};
  else
    header_ = {
        ProxyHeader::Kind::addresses, {v6_of(block), port_at(32)}, {v6_of(block.substr(16)), port_at(34)}};
  return State::done;
}

std::string proxy_header(ProxyVersion version, const io::IpPort& source, const io::IpPort& destination) {
  const bool known = is_known(source) && is_known(destination);
  if (version == ProxyVersion::v1) return known ? write_v1(source, destination) : "PROXY UNKNOWN\r\n";
  return known ? write_v2(source, destination) : begin_v2(kProxyCommand, Family::unspecified);
}

std::string local_proxy_header(ProxyVersion version) {
  if (version == ProxyVersion::v1) return "PROXY UNKNOWN\r\n";
  return begin_v2(kLocalCommand, Family::unspecified);
}

}  // namespace weir::codec
