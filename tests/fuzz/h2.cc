// The HTTP/2 codecs alone: the same bytes in other pieces are the same events and end; and whatever comes,
// in whatever pieces, however little is taken of the answers, everything ends, and only whole frames go out.
#include <algorithm>
#include <utility>

#include "tests/fuzz/target.h"
#include "tests/unit/codec/h2_client_rig.h"
#include "tests/unit/codec/h2_server_rig.h"

namespace weir::fuzz {
namespace {

using codec::H2ClientRig;
using codec::H2ServerRig;
using codec::HeadLimits;

constexpr std::size_t kWholeInput = 1 << 30;
constexpr HeadLimits kSmall{.head = 4096, .fields = 20, .start_line = 512};

// Of a body that is not as long as was said, the cut decides how much is heard before it is found out; and of
// a connection that is wrong in two ways, which of them ends it.
std::string without_cut(const std::string& log) {
  const std::size_t reset = log.rfind("reset ");
  if (reset == log.npos) return log;
  return log.substr(0, std::min(log.find("body "), reset)) + "reset";
}

struct Outcome {
  std::string text;
  bool reset = false;  // we reset a stream
  bool ended = false;  // the connection is over
};

template <class Rig>
Outcome outcome(Rig& rig, std::string text) {
  return {std::move(text), !codec::frames_of(rig.wire, "RST").empty(), rig.codec.next() != codec::Next::keep};
}

// What comes for a stream that was reset is passed over, or ends the connection if that was in the same turn.
bool alike(const Outcome& one, const Outcome& other) {
  if ((one.reset || other.reset) && (one.ended || other.ended)) return true;
  return one.text == other.text;
}

// Nobody answers: when an answer ends its stream depends on turns, and so does what may still come for it.
Outcome h2_requests(std::string_view bytes, std::size_t piece) {
  codec::H2Limits limits;
  limits.streams = 100'000;  // those that were reset count until the turn ends
  H2ServerRig rig(H2ServerRig::Answers::by_hand, kSmall, limits);
  rig.read_in_pieces(bytes, piece);
  std::string text;
  for (auto& heard : rig.all) text += without_cut(heard->log.text());
  return outcome(rig, text + rig.refusals.text());
}

void must_be_frames(std::string_view wire) {
  const auto lines = codec::told_frames(wire);
  must(lines.empty() || lines.back() != "half a frame", "half a frame");
}

// Who answers, as bytes say.
class Answering {
 public:
  explicit Answering(H2ServerRig& rig) : rig_(rig) {}

  void act(unsigned what, unsigned size);

 private:
  enum class Said : std::uint8_t { nothing, head, all };

  bool offers_upgrade(std::size_t index) { return rig_.heard(index).log.has(" upgrade="); }
  void say_head(std::size_t index, int status) {
    rig_.send_head(index, status);
    said_[index] = Said::head;
  }

  H2ServerRig& rig_;
  std::vector<Said> said_;
};

void Answering::act(unsigned what, unsigned size) {
  if (what % 8 == 6) rig_.room = size * 64;
  if (what % 8 == 7) rig_.takes = size * 8;
  said_.resize(rig_.all.size());
  if (said_.empty()) return;
  const std::size_t index = size % said_.size();
  if (rig_.heard(index).over || said_[index] == Said::all) return;
  if (what % 8 == 4) {
    rig_.reset(index, {});
    said_[index] = Said::all;
  } else if (said_[index] == Said::nothing) {
    if (what % 8 == 0) say_head(index, 200 + static_cast<int>(size % 110));
    if (what % 8 == 5 && offers_upgrade(index)) say_head(index, 101);
    if (what % 8 != 3) return;
    rig_.answer(index, 200, std::string(size * 100, 'y'));
    said_[index] = Said::all;
  } else {
    if (what % 8 == 1) rig_.send_body(index, std::string(size * 300, 'x'));
    if (what % 8 != 2) return;
    rig_.send_trailers(index, {{"x-t", "1"}});
    rig_.send_end(index);
    said_[index] = Said::all;
  }
}

void h2_server(std::string_view bytes) {
  const std::size_t piece = 1 + take_byte(bytes) % 64;
  must(alike(h2_requests(bytes, kWholeInput), h2_requests(bytes, piece)),
       "requests that depend on how they are cut");
  H2ServerRig rig(H2ServerRig::Answers::by_hand, kSmall);
  Answering answering(rig);
  rig.grants = piece % 2 == 0;
  while (!bytes.empty()) {
    const std::string_view read = bytes.substr(0, piece);
    bytes.remove_prefix(read.size());
    rig.read(read);
    answering.act(static_cast<unsigned char>(read.front()), static_cast<unsigned char>(read.back()));
    if (piece == 64) rig.codec.drain();
    rig.turn();
  }
  rig.room = 1 << 30;
  rig.read_end();
  rig.codec.abandon({});
  rig.turn();
  must(!rig.codec.in_stream(), "a stream that does not end");
  must_be_frames(rig.wire);
}

Outcome h2_answers(std::string_view bytes, std::size_t piece) {
  H2ClientRig rig(kSmall);
  rig.read(codec::settings_frame({{8, 1}}));
  rig.ask();
  rig.ask("HEAD");
  rig.ask_post();
  rig.ask_upgrade("websocket", {{"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}});
  rig.flush();
  rig.read_in_pieces(bytes, piece);
  must_be_frames(rig.wire);
  std::string text;
  for (auto& asked : rig.all) text += without_cut(asked->log.text());
  const Outcome before = outcome(rig, text);
  const bool posts = !rig.asked(2).log.has("end\n") && !rig.asked(2).log.has("reset ");
  if (posts) rig.send_body(2, "more");
  rig.read_end();
  must(rig.codec.idle(), "a request that does not end");
  return before;
}

void h2_client(std::string_view bytes) {
  const std::size_t piece = 1 + take_byte(bytes) % 64;
  must(alike(h2_answers(bytes, kWholeInput), h2_answers(bytes, piece)),
       "answers that depend on how they are cut");
}

const Target kH2Server("h2_server", h2_server);
const Target kH2Client("h2_client", h2_client);

}  // namespace
}  // namespace weir::fuzz
