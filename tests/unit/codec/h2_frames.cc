#include "tests/unit/codec/h2_frames.h"

#include <fmt/format.h>

namespace weir::codec {
namespace {

std::uint32_t read_number(std::string_view bytes) {
  std::uint32_t number = 0;
  for (char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string hpack_text(std::string_view text) {
  std::string out;
  if (text.size() < 127) {
    out += static_cast<char>(text.size());
  } else {
    out += static_cast<char>(127);
    std::size_t rest = text.size() - 127;
    for (; rest >= 128; rest >>= 7) out += static_cast<char>((rest & 127) | 128);
    out += static_cast<char>(rest);
  }
  return out.append(text);
}

constexpr std::string_view kTypes[] = {"DATA",          "HEADERS",      "PRIORITY", "RST_STREAM",
                                       "SETTINGS",      "PUSH_PROMISE", "PING",     "GOAWAY",
                                       "WINDOW_UPDATE", "CONTINUATION"};

std::string told_frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream,
                       std::string_view payload) {
  const std::string name(type < 10 ? kTypes[type] : "?");
  const std::string_view end = (flags & kEndStream) != 0 ? " end" : "";
  switch (type) {
    case 0:
      return fmt::format("{} {} {}{}", name, stream, payload.size(), end);
    case 1:
      return fmt::format("{} {}{}", name, stream, end);
    case 3:
      return fmt::format("{} {} {}", name, stream, code_name(read_number(payload)));
    case 4:
    case 6:
      return name + ((flags & kAck) != 0 ? " ack" : "");
    case 7:
      return fmt::format("{} {} {}", name, read_number(payload.substr(0, 4)),
                         code_name(read_number(payload.substr(4, 4))));
    case 8:
      return fmt::format("{} {} {}", name, stream, read_number(payload));
    default:
      return fmt::format("{} {}", name, stream);
  }
}

}  // namespace

std::string number16(std::uint32_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number)};
}

std::string number32(std::uint32_t number) {
  return number16(number >> 16) + number16(number & 0xffff);
}

std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload) {
  std::string out = number32(static_cast<std::uint32_t>(payload.size())).substr(1);
  out += static_cast<char>(type);
  out += static_cast<char>(flags);
  return out.append(number32(stream)).append(payload);
}

std::string hpack(const H2List& fields) {
  std::string out;
  for (const auto& [name, value] : fields)
    out.append(1, '\0').append(hpack_text(name)).append(hpack_text(value));
  return out;
}

std::string settings_frame(std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> entries) {
  std::string payload;
  for (const auto& [id, value] : entries) payload += number16(id) + number32(value);
  return frame(4, 0, 0, payload);
}

std::string settings_ack() {
  return frame(4, kAck, 0, "");
}

std::string head_frame(std::uint32_t stream, const H2List& fields, std::uint8_t flags) {
  return frame(1, flags, stream, hpack(fields));
}

std::string data_frame(std::uint32_t stream, std::string_view payload, std::uint8_t flags) {
  return frame(0, flags, stream, payload);
}

std::string padded_data_frame(std::uint32_t stream, std::string_view payload, std::uint8_t padding,
                              std::uint8_t flags) {
  const std::string padded = std::string(1, static_cast<char>(padding)).append(payload).append(padding, '\0');
  return frame(0, flags | kPadded, stream, padded);
}

std::string reset_frame(std::uint32_t stream, std::uint32_t code) {
  return frame(3, 0, stream, number32(code));
}

std::string ping_frame(std::uint8_t flags) {
  return frame(6, flags, 0, "12345678");
}

std::string window_frame(std::uint32_t stream, std::uint32_t bytes) {
  return frame(8, 0, stream, number32(bytes));
}

H2List get_fields(const H2List& more) {
  H2List fields = {{":method", "GET"}, {":scheme", "http"}, {":authority", "a.test"}, {":path", "/a"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

H2List post_fields(const H2List& more) {
  H2List fields = get_fields(more);
  fields[0].second = "POST";
  return fields;
}

std::string client_hello() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + settings_frame();
}

std::vector<std::string> told_frames(std::string_view wire) {
  std::vector<std::string> lines;
  if (wire.starts_with("PRI")) wire.remove_prefix(24);
  while (wire.size() >= 9) {
    const std::size_t size = read_number(wire.substr(0, 3));
    if (wire.size() < 9 + size) break;
    lines.push_back(told_frame(static_cast<std::uint8_t>(wire[3]), static_cast<std::uint8_t>(wire[4]),
                               read_number(wire.substr(5, 4)), wire.substr(9, size)));
    wire.remove_prefix(9 + size);
  }
  if (!wire.empty()) lines.push_back("half a frame");
  return lines;
}

std::string frames_of(std::string_view wire, std::string_view type) {
  std::string found;
  for (const std::string& line : told_frames(wire))
    if (line.starts_with(type)) found += (found.empty() ? "" : "|") + line;
  return found;
}

std::string_view code_name(std::uint32_t code) {
  constexpr std::string_view kNames[] = {"NO_ERROR",           "PROTOCOL_ERROR",   "INTERNAL_ERROR",
                                         "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
                                         "FRAME_SIZE_ERROR",   "REFUSED_STREAM",   "CANCEL",
                                         "COMPRESSION_ERROR",  "CONNECT_ERROR",    "ENHANCE_YOUR_CALM"};
  return code < 12 ? kNames[code] : "?";
}

}  // namespace weir::codec
