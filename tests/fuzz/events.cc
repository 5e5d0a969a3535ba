// The guard of the exchange: exactly those orders of events pass that are a message.
#include <string>

#include "proxy/core/ordered_events.h"
#include "tests/fuzz/target.h"

namespace weir::fuzz {
namespace {

using Side = core::OrderedEvents::Side;

// Whether the letters (q: request head, i, f: interim and final response head, b: body, t: trailers, e: end)
// begin a message of that side.
bool begins_a_message(std::string_view letters, Side side) {
  std::size_t at = 0;
  if (side == Side::response)
    while (at < letters.size() && letters[at] == 'i') ++at;
  if (at == letters.size()) return true;
  if (letters[at++] != (side == Side::request ? 'q' : 'f')) return false;
  while (at < letters.size() && letters[at] == 'b') ++at;
  if (at < letters.size() && letters[at] == 't') ++at;
  if (at < letters.size() && letters[at] == 'e') ++at;
  return at == letters.size();
}

void ordered_events(std::string_view bytes) {
  const Side side = take_byte(bytes) % 2 == 0 ? Side::request : Side::response;
  core::OrderedEvents guard(side);
  http::Request request;
  http::Response interim, final_head;
  interim.status = 103;
  final_head.status = 200;
  http::Fields fields;
  std::string admitted;
  const struct {
    char letter;
    http::Event event;
  } kEvents[] = {{'q', http::RequestHead{&request}},     {'i', http::ResponseHead{&interim}},
                 {'f', http::ResponseHead{&final_head}}, {'b', http::Body{"x"}},
                 {'t', http::Trailers{&fields}},         {'e', http::End{}}};
  while (!bytes.empty()) {
    const unsigned which = take_byte(bytes) % 7;
    if (which == 6) {
      guard.reset();
      admitted.clear();
      continue;
    }
    const bool good = begins_a_message(admitted + kEvents[which].letter, side);
    must(guard.admit(kEvents[which].event) == good, "an event out of its order, or one refused in it");
    if (good) admitted += kEvents[which].letter;
  }
}

const Target kEvents("ordered_events", ordered_events);

}  // namespace
}  // namespace weir::fuzz
