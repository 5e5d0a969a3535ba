// What a client has said as the simulator's reader understands it, which knows nothing of Weir: the requests
// that stand in some bytes, and how far that can be said. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/message_reader.h"

namespace weir::fuzz {

struct Message {
  explicit Message(const sim::MessageHead& head)
      : method(head.first),
        target(head.second),
        host(head.get("Host")),
        length(head.get("Content-Length")),
        max_forwards(head.get("Max-Forwards")),
        other_fields(head.fields.size() - head.count("Host") - head.count("Content-Length")) {}

  std::string method, target;
  std::string host, length, max_forwards;  // as they stand in their fields
  std::string body;
  std::size_t other_fields;  // than Host and Content-Length
  bool whole = false;
};

struct Told {
  enum class End : std::uint8_t {
    open,      // behind a whole message, or inside the last one
    bad,       // no HTTP follows; if the last message is not whole, it is that which is broken
    repaired,  // the same, but Weir may take it, as RFC 9112 allows
  };

  std::vector<Message> requests;  // the last may be short
  End end = End::open;
};

// What the reader does not do, though every recipient has to, is done for it: up to four empty lines before a
// request are passed over (RFC 9112 2.2), and extensions of a chunk without quotes or blanks (7.1.1).
Told read_strictly(std::string_view bytes);

}  // namespace weir::fuzz
