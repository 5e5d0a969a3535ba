// Whole connections: a client's and a node's, with the production data path between them.
#include <chrono>

#include "tests/fuzz/target.h"
#include "tests/fuzz/world.h"

namespace weir::fuzz {
namespace {

using namespace std::chrono_literals;

// What a client sends, whatever it is, among nodes that answer well.
void downstream(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  World world(World::Nodes::answer);
  world.client_sends(bytes, 1 + how % 128);
  if (how >= 128) world.pass(5s);
  world.end();
}

constexpr std::string_view kRequests[] = {
    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "PUT / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",  // and more to
                                                                                            // come
    "GET / HTTP/1.0\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\nGET /2 HTTP/1.1\r\nHost: a.test\r\n\r\n",
};

// What a node sends, whatever it is, to requests of all kinds.
void upstream(std::string_view bytes) {
  const unsigned how = take_byte(bytes);
  const unsigned piece = take_byte(bytes);
  World world(World::Nodes::listen);
  world.client_sends(kRequests[how % 8], 1000);
  world.node_sends(bytes, 1 + piece);
  if ((how & 8) != 0) world.node_ends();
  if ((how & 16) != 0) world.node_resets();
  if ((how & 32) != 0) world.pass(1s);
  world.end();
}

const Target kDownstream("downstream", downstream);
const Target kUpstream("upstream", upstream);

}  // namespace
}  // namespace weir::fuzz
