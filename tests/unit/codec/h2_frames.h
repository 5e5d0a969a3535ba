// HTTP/2 frames written by hand, for what no library would send, and frames told as text.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::codec {

using H2List = std::vector<std::pair<std::string, std::string>>;

enum : std::uint8_t { kEndStream = 1, kAck = 1, kEndHeaders = 4, kPadded = 8 };

std::string number16(std::uint32_t number);
std::string number32(std::uint32_t number);
std::string frame(std::uint8_t type, std::uint8_t flags, std::uint32_t stream, std::string_view payload);
// Fields as HPACK has them at its simplest: literals that go into no table.
std::string hpack(const H2List& fields);

std::string settings_frame(std::initializer_list<std::pair<std::uint16_t, std::uint32_t>> entries = {});
std::string settings_ack();
std::string head_frame(std::uint32_t stream, const H2List& fields,
                       std::uint8_t flags = kEndHeaders | kEndStream);
std::string data_frame(std::uint32_t stream, std::string_view payload, std::uint8_t flags = 0);
std::string padded_data_frame(std::uint32_t stream, std::string_view payload, std::uint8_t padding,
                              std::uint8_t flags = 0);
std::string reset_frame(std::uint32_t stream, std::uint32_t code);
std::string ping_frame(std::uint8_t flags = 0);
std::string window_frame(std::uint32_t stream, std::uint32_t bytes);

// GET https://a.test/a, with other fields behind.
H2List get_fields(const H2List& more = {});
H2List post_fields(const H2List& more = {});
// What a client says first: the preface and empty settings.
std::string client_hello();

// One line a frame: "DATA 1 5 end", "RST_STREAM 1 PROTOCOL_ERROR", "GOAWAY 3 NO_ERROR" ...
std::vector<std::string> told_frames(std::string_view wire);
// The lines that begin so, joined by "|".
std::string frames_of(std::string_view wire, std::string_view type);
std::string_view code_name(std::uint32_t code);

}  // namespace weir::codec
