#include "tests/sim/h2_wire.h"

#include <algorithm>
#include <charconv>

namespace weir::sim {
namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::size_t kFrameHead = 9;
constexpr std::int64_t kMostWindow = 0x7fffffff;

enum Type : std::uint8_t {
  kData,
  kHeaders,
  kPriority,
  kRstStream,
  kSettings,
  kPushPromise,
  kPing,
  kGoaway,
  kWindowUpdate,
  kContinuation
};

enum SettingId : std::uint16_t {
  kTableSize = 1,
  kEnablePush = 2,
  kMostStreams = 3,
  kInitialWindow = 4,
  kMaxFrame = 5,
  kConnectProtocol = 8,
};

std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

std::string_view find_in(const H2List& fields, std::string_view name) {
  for (const auto& [each, value] : fields)
    if (each == name) return value;
  return {};
}

bool is_field_name(std::string_view name) {
  return !name.empty() && std::none_of(name.begin(), name.end(), [](char c) {
    return c <= ' ' || c == ':' || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 127;
  });
}

bool is_field_value(std::string_view value) {
  return value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos;
}

// RFC 9113 8.2.2.
bool is_of_connections(std::string_view name, std::string_view value) {
  return name == "connection" || name == "keep-alive" || name == "proxy-connection" || name == "upgrade" ||
         name == "transfer-encoding" || (name == "te" && value != "trailers");
}

}  // namespace

H2Wire::H2Wire(Side side, H2WireHandler& handler) : side_(side), handler_(handler) {
  nghttp2_hd_inflate_new(&inflater_);
}

H2Wire::~H2Wire() {
  nghttp2_hd_inflate_del(inflater_);
}

bool H2Wire::fail(std::string_view why) {
  if (problem_.empty()) problem_ = why;
  stopped_ = true;
  return false;
}

bool H2Wire::read(std::string_view bytes) {
  if (side_ == Side::server && preface_ < kPreface.size()) {
    const std::string_view part = bytes.substr(0, kPreface.size() - preface_);
    if (part != kPreface.substr(preface_, part.size())) return fail("no preface");
    preface_ += part.size();
    bytes.remove_prefix(part.size());
  }
  held_ += bytes;
  std::size_t at = 0;
  while (!stopped_ && held_.size() - at >= kFrameHead) {
    const std::string_view rest = std::string_view(held_).substr(at);
    const std::size_t length = number_of(rest.substr(0, 3));
    if (length > kMostFrame) return fail("a frame that is longer than allowed");
    if (rest.size() < kFrameHead + length) break;
    at += kFrameHead + length;
    if (!take_frame({static_cast<std::uint8_t>(rest[3]), static_cast<std::uint8_t>(rest[4]),
                     number_of(rest.substr(5, 4)) & 0x7fffffff, rest.substr(kFrameHead, length)}))
      return false;
  }
  held_.erase(0, at);
  send_all();
  return problem_.empty();
}

bool H2Wire::take_frame(const Frame& frame) {
  if (!settings_seen_ && frame.type != kSettings) return fail("its first frame is no SETTINGS");
  if (block_stream_ != 0 && (frame.type != kContinuation || frame.stream != block_stream_))
    return fail("a head that is not gone on with");
  switch (frame.type) {
    case kData:
      return take_data(frame);
    case kHeaders:
      return take_headers(frame);
    case kPriority:
      return frame.payload.size() == 5 || fail("PRIORITY of another size");
    case kRstStream:
      return take_reset(frame);
    case kSettings:
      return take_settings(frame);
    case kPing:
      if (frame.payload.size() != 8 || frame.stream != 0) return fail("a PING that is none");
      if (frame.has(codec::kAck)) return ++pings_answered_, true;
      out_ += codec::frame(kPing, codec::kAck, 0, frame.payload);
      return true;
    case kGoaway:
      if (frame.payload.size() < 8 || frame.stream != 0) return fail("a GOAWAY that is none");
      handler_.on_goaway(number_of(frame.payload.substr(0, 4)) & 0x7fffffff,
                         static_cast<H2Error>(number_of(frame.payload.substr(4, 4))));
      return true;
    case kWindowUpdate:
      return take_window(frame);
    case kContinuation:
      return take_continuation(frame);
    default:
      return fail("a frame of a type that nobody asked for");
  }
}

bool H2Wire::is_idle(std::uint32_t id) const {
  const bool ours = (id % 2 == 1) == (side_ == Side::client);
  return ours ? id >= next_ : id > last_peer_;
}

bool H2Wire::take_data(Frame frame) {
  receive_window_ -= static_cast<std::int64_t>(frame.payload.size());
  if (receive_window_ < 0) return fail("more than the connection's window");
  if (frame.has(codec::kPadded)) {
    const std::size_t padding = frame.payload.empty() ? 1 : 1 + static_cast<unsigned char>(frame.payload[0]);
    if (padding > frame.payload.size()) return fail("padding that is longer than its frame");
    frame.payload = frame.payload.substr(1, frame.payload.size() - padding);
  }
  const auto found = streams_.find(frame.stream);
  if (found == streams_.end()) {
    if (!reset_by_us_.contains(frame.stream)) return fail("DATA on a stream that is not open");
    receive_window_ += static_cast<std::int64_t>(frame.payload.size());
    out_ +=
        frame.payload.empty() ? "" : codec::window_frame(0, static_cast<std::uint32_t>(frame.payload.size()));
    return true;
  }
  Stream& stream = found->second;
  if (stream.receiving != Receiving::body) return fail("DATA where none belongs");
  stream.receive_window -= static_cast<std::int64_t>(frame.payload.size());
  if (stream.receive_window < 0) return fail("more than the stream's window");
  stream.received += frame.payload.size();
  if (stream.length && stream.received > *stream.length) return fail("a body longer than announced");
  if (!frame.payload.empty()) handler_.on_body(frame.stream, frame.payload);
  return stopped_ || !frame.has(codec::kEndStream) || end_message(frame.stream);
}

bool H2Wire::take_headers(Frame frame) {
  if (frame.has(codec::kPadded)) return fail("a padded head");
  if (frame.has(0x20)) frame.payload.remove_prefix(std::min<std::size_t>(5, frame.payload.size()));
  block_stream_ = frame.stream;
  block_ends_ = frame.has(codec::kEndStream) ? Ends::here : Ends::later;
  block_ = frame.payload;
  return !frame.has(codec::kEndHeaders) || take_block();
}

bool H2Wire::take_continuation(const Frame& frame) {
  if (block_stream_ == 0) return fail("a CONTINUATION of nothing");
  block_ += frame.payload;
  return !frame.has(codec::kEndHeaders) || take_block();
}

bool H2Wire::take_block() {
  const std::uint32_t id = std::exchange(block_stream_, 0);
  H2List fields;
  if (!decode(fields)) return fail("a head that is no HPACK");
  if (id == 0) return fail("a head on no stream");
  if (side_ == Side::server && id > last_peer_ && !begin_stream(id)) return false;
  const auto found = streams_.find(id);
  if (found == streams_.end())
    return reset_by_us_.contains(id) || fail("a head on a stream that is not open");
  if (found->second.receiving == Receiving::body) return take_trailers(id, fields);
  if (found->second.receiving == Receiving::ended) return fail("a head behind the end");
  return take_message_head(id, found->second, fields);
}

bool H2Wire::decode(H2List& fields) {
  std::string_view rest = block_;
  for (;;) {
    nghttp2_nv pair{};
    int flags = 0;
    const auto used = nghttp2_hd_inflate_hd2(
        inflater_, &pair, &flags, reinterpret_cast<const std::uint8_t*>(rest.data()), rest.size(), 1);
    if (used < 0) return false;
    rest.remove_prefix(static_cast<std::size_t>(used));
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0)
      fields.emplace_back(std::string(reinterpret_cast<const char*>(pair.name), pair.namelen),
                          std::string(reinterpret_cast<const char*>(pair.value), pair.valuelen));
    if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    if ((flags & NGHTTP2_HD_INFLATE_EMIT) == 0 && rest.empty()) return false;
  }
  return nghttp2_hd_inflate_end_headers(inflater_) == 0;
}

bool H2Wire::begin_stream(std::uint32_t id) {
  if (id % 2 == 0) return fail("a stream with an even number");
  last_peer_ = id;
  if (streams_.size() >= limit_) return fail("more streams at a time than allowed");
  open(id);
  return true;
}

void H2Wire::open(std::uint32_t id) {
  Stream& stream = streams_[id];
  stream.receive_window = window_;
  stream.send_window = peer_window_;
}

bool H2Wire::take_message_head(std::uint32_t id, Stream& stream, const H2List& fields) {
  MessageHead head;
  if (!take_fields(fields, head)) return false;
  if (!(side_ == Side::server ? parse_request(fields, head) : parse_response(fields, head)))
    return fail("a head without what it must have");
  const bool interim = side_ == Side::client && head.status() < 200;
  if (interim) {
    if (block_ends_ == Ends::here || head.status() == 101) return fail("an interim head that is none");
  } else {
    stream.receiving = Receiving::body;
    if (side_ == Side::server) stream.to_head = head.first == "HEAD";
    const bool bodyless = side_ == Side::client && (stream.to_head || head.status() == 304);
    std::uint64_t length = 0;
    if (const std::string_view text = head.get("content-length"); !text.empty()) {
      const auto read = std::from_chars(text.data(), text.data() + text.size(), length);
      if (read.ptr != text.data() + text.size()) return fail("a length that is none");
      stream.length = bodyless ? 0 : length;
    }
  }
  handler_.on_head(id, head, block_ends_);
  if (stopped_ || !streams_.contains(id)) return problem_.empty();
  return block_ends_ == Ends::later || end_message(id);
}

bool H2Wire::take_trailers(std::uint32_t id, const H2List& fields) {
  MessageHead trailers;
  if (!take_fields(fields, trailers)) return false;
  if (std::any_of(fields.begin(), fields.end(), [](const auto& field) { return field.first[0] == ':'; }))
    return fail("trailers with pseudo fields");
  if (block_ends_ == Ends::later) return fail("trailers that end nothing");
  handler_.on_trailers(id, trailers);
  return stopped_ || end_message(id);
}

bool H2Wire::take_fields(const H2List& fields, MessageHead& head) {
  bool pseudo = true;
  for (const auto& [name, value] : fields) {
    if (!is_field_value(value)) return fail("a field's value with what none may have");
    if (name.starts_with(':')) {
      if (!pseudo) return fail("a pseudo field behind others");
      continue;
    }
    pseudo = false;
    if (!is_field_name(name)) return fail("a field's name that is none");
    if (is_of_connections(name, value)) return fail("a field of HTTP/1.1's connections");
    head.fields.emplace_back(name, value);
  }
  return true;
}

bool H2Wire::parse_request(const H2List& fields, MessageHead& head) const {
  std::size_t pseudo = 0;
  for (const auto& [name, value] : fields) pseudo += name.starts_with(':') ? 1 : 0;
  const bool tunnel = !find_in(fields, ":protocol").empty();
  head.first = find_in(fields, ":method");
  head.second = find_in(fields, ":path");
  head.third = "HTTP/2.0";
  return pseudo == (tunnel ? 5 : 4) && head.second.starts_with('/') && !head.first.empty() &&
         !find_in(fields, ":authority").empty() && !find_in(fields, ":scheme").empty() &&
         tunnel == (head.first == "CONNECT");
}

bool H2Wire::parse_response(const H2List& fields, MessageHead& head) const {
  head.first = "HTTP/2.0";
  head.second = find_in(fields, ":status");
  return head.second.size() == 3 && head.status() >= 100 &&
         std::count_if(fields.begin(), fields.end(),
                       [](const auto& field) { return field.first.starts_with(':'); }) == 1;
}

bool H2Wire::end_message(std::uint32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return true;
  Stream& stream = found->second;
  if (stream.receiving != Receiving::body) return fail("an end where none belongs");
  if (stream.length && stream.received != *stream.length) return fail("a body shorter than announced");
  stream.receiving = Receiving::ended;
  handler_.on_message_end(id);
  close_if_over(id);
  return problem_.empty();
}

bool H2Wire::take_reset(const Frame& frame) {
  if (frame.payload.size() != 4 || is_idle(frame.stream) || frame.stream == 0)
    return fail("an RST_STREAM that is none");
  if (streams_.erase(frame.stream) > 0)
    handler_.on_reset(frame.stream, static_cast<H2Error>(number_of(frame.payload)));
  return true;
}

bool H2Wire::take_settings(const Frame& frame) {
  if (frame.stream != 0 || frame.payload.size() % 6 != 0) return fail("SETTINGS that are none");
  if (frame.has(codec::kAck)) return frame.payload.empty() ? take_ack() : fail("an ack that says something");
  settings_seen_ = true;
  for (std::string_view rest = frame.payload; !rest.empty(); rest.remove_prefix(6))
    if (!take_setting(static_cast<std::uint16_t>(number_of(rest.substr(0, 2))), number_of(rest.substr(2, 4))))
      return false;
  out_ += codec::settings_ack();
  return true;
}

bool H2Wire::take_setting(std::uint16_t id, std::uint32_t value) {
  if (id == kMostStreams) peer_limit_ = value;
  if (id == kConnectProtocol) peer_takes_connect_ = value == 1;
  if (id == kEnablePush && (value > 1 || (side_ == Side::client && value == 1)))
    return fail("a push that is on");
  if (id == kMaxFrame && (value < kMostFrame || value > 0xffffff)) return fail("a bad MAX_FRAME_SIZE");
  if (id != kInitialWindow) return true;
  if (value > kMostWindow) return fail("a window that is too large");
  for (auto& [number, stream] : streams_)
    stream.send_window += static_cast<std::int64_t>(value) - static_cast<std::int64_t>(peer_window_);
  peer_window_ = value;
  return true;
}

bool H2Wire::take_ack() {
  if (unacknowledged_.empty()) return fail("an ack of no settings");
  for (const Setting& setting : unacknowledged_.front()) {
    if (setting.id == kMostStreams) limit_ = setting.value;
    if (setting.id != kInitialWindow) continue;
    for (auto& [number, stream] : streams_)
      stream.receive_window += static_cast<std::int64_t>(setting.value) - static_cast<std::int64_t>(window_);
    window_ = setting.value;
  }
  unacknowledged_.pop_front();
  return true;
}

bool H2Wire::take_window(const Frame& frame) {
  if (frame.payload.size() != 4) return fail("a WINDOW_UPDATE that is none");
  const std::uint32_t more = number_of(frame.payload) & 0x7fffffff;
  if (more == 0) return fail("a WINDOW_UPDATE of nothing");
  if (frame.stream != 0 && is_idle(frame.stream)) return fail("a WINDOW_UPDATE of an idle stream");
  std::int64_t* window = &send_window_;
  if (frame.stream != 0) {
    const auto found = streams_.find(frame.stream);
    if (found == streams_.end()) return true;
    window = &found->second.send_window;
  }
  *window += more;
  return *window <= kMostWindow || fail("a window that overflows");
}

void H2Wire::settings(const std::vector<Setting>& settings) {
  if (side_ == Side::client && !introduced_) out_ += kPreface;
  introduced_ = true;
  std::string payload;
  for (const Setting& setting : settings)
    payload += codec::number16(setting.id) + codec::number32(setting.value);
  out_ += codec::frame(kSettings, 0, 0, payload);
  unacknowledged_.push_back(settings);
}

std::uint32_t H2Wire::request(const H2List& fields, Ends ends) {
  const std::uint32_t id = next_;
  next_ += 2;
  open(id);
  head(id, fields, ends);
  return id;
}

// Where the head is long, in several frames.
void H2Wire::head(std::uint32_t stream, const H2List& fields, Ends ends) {
  const std::string block = codec::hpack(fields);
  const std::size_t first = std::min(block.size(), kMostFrame);
  std::uint8_t flags = ends == Ends::here ? codec::kEndStream : 0;
  if (first == block.size()) flags |= codec::kEndHeaders;
  out_ += codec::frame(kHeaders, flags, stream, std::string_view(block).substr(0, first));
  for (std::size_t at = first; at < block.size(); at += kMostFrame) {
    const std::uint8_t last = at + kMostFrame >= block.size() ? codec::kEndHeaders : 0;
    out_ += codec::frame(kContinuation, last, stream, std::string_view(block).substr(at, kMostFrame));
  }
  const auto found = streams_.find(stream);
  if (found == streams_.end() || ends == Ends::later) return;
  found->second.sent_all = true;
  close_if_over(stream);
}

void H2Wire::body(std::uint32_t id, std::string bytes, Ends ends, H2List trailers) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  stream.out.append(bytes);
  stream.ends |= ends == Ends::here;
  stream.trailers = std::move(trailers);
  send_some(id, stream);
}

bool H2Wire::sends_still(std::uint32_t id) const {
  const auto found = streams_.find(id);
  return found != streams_.end() && found->second.out_at < found->second.out.size();
}

void H2Wire::send_all() {
  std::vector<std::uint32_t> ids;
  for (const auto& [id, stream] : streams_)
    if (stream.out_at < stream.out.size()) ids.push_back(id);
  for (const std::uint32_t id : ids)
    if (const auto found = streams_.find(id); found != streams_.end()) send_some(id, found->second);
}

void H2Wire::send_some(std::uint32_t id, Stream& stream) {
  bool sent = false;
  while (stream.out_at < stream.out.size()) {
    const std::int64_t room = std::min({stream.send_window, send_window_,
                                        static_cast<std::int64_t>(stream.out.size() - stream.out_at),
                                        static_cast<std::int64_t>(kMostFrame)});
    if (room <= 0) return;
    const bool last = stream.out_at + static_cast<std::size_t>(room) == stream.out.size() && stream.ends &&
                      stream.trailers.empty();
    out_ += codec::data_frame(
        id, std::string_view(stream.out).substr(stream.out_at, static_cast<std::size_t>(room)),
        last ? codec::kEndStream : 0);
    stream.out_at += static_cast<std::size_t>(room);
    stream.send_window -= room;
    send_window_ -= room;
    stream.sent_all |= last;
    sent = true;
  }
  stream.out.clear();
  stream.out_at = 0;
  if (stream.ends && !stream.sent_all) {
    stream.sent_all = true;
    out_ += stream.trailers.empty() ? codec::data_frame(id, "", codec::kEndStream)
                                    : codec::head_frame(id, stream.trailers);
  }
  if (sent) handler_.on_unblocked(id);
  close_if_over(id);
}

void H2Wire::close_if_over(std::uint32_t id) {
  const auto found = streams_.find(id);
  if (found != streams_.end() && found->second.sent_all && found->second.receiving == Receiving::ended)
    streams_.erase(found);
}

void H2Wire::forget(std::uint32_t stream) {
  streams_.erase(stream);
  reset_by_us_.insert(stream);
}

void H2Wire::reset(std::uint32_t stream, H2Error code) {
  forget(stream);
  out_ += codec::reset_frame(stream, static_cast<std::uint32_t>(code));
}

void H2Wire::goaway(std::uint32_t last, H2Error code) {
  out_ +=
      codec::frame(kGoaway, 0, 0, codec::number32(last) + codec::number32(static_cast<std::uint32_t>(code)));
}

void H2Wire::grant(std::uint32_t stream, std::size_t bytes) {
  if (bytes == 0) return;
  receive_window_ += static_cast<std::int64_t>(bytes);
  out_ += codec::window_frame(0, static_cast<std::uint32_t>(bytes));
  const auto found = streams_.find(stream);
  if (found == streams_.end() || found->second.receiving == Receiving::ended) return;
  found->second.receive_window += static_cast<std::int64_t>(bytes);
  out_ += codec::window_frame(stream, static_cast<std::uint32_t>(bytes));
}

void H2Wire::note_sent(std::uint32_t requests, std::size_t settings, std::size_t granted) {
  for (std::uint32_t i = 0; i < requests; ++i, next_ += 2) reset_by_us_.insert(next_);
  unacknowledged_.resize(unacknowledged_.size() + settings);
  receive_window_ += static_cast<std::int64_t>(granted);
}

void H2Wire::ping() {
  out_ += codec::ping_frame();
}

}  // namespace weir::sim
