// The data path with one client and as many nodes' connections as it asks for, on a loop that stands still.
// What Weir writes on either side is read by the simulator's reader, which shares nothing with it and takes
// no liberties.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "tests/sim/message_reader.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::fuzz {

class World {
 public:
  // What a node does once it has read a whole request.
  enum class Nodes : std::uint8_t {
    answer,  // 200, "ok"
    listen,  // nothing: the test says what they send
  };

  explicit World(Nodes nodes);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void client_sends(std::string_view bytes, std::size_t piece);
  void client_ends();
  // On the connection to a node that was opened last; nothing happens where there is none, or it is gone.
  void node_sends(std::string_view bytes, std::size_t piece);
  void node_ends();
  void node_resets();
  void pass(base::Duration span);
  // Everybody has gone and all deadlines are over: what must be nothing is.
  void end();

  std::uint64_t heads_at_nodes() const { return heads_; }
  std::uint64_t requests_at_nodes() const { return whole_; }  // with their ends
  std::uint64_t requests_of_weir() const { return bench_.listener.requests.get(); }
  std::uint64_t answers() const { return client_side_.finals; }  // whole ones that the client has read

 private:
  // Of one node's connection.
  struct Visit final : sim::MessageHandler {
    explicit Visit(World& of) : world(of), reader(sim::MessageReader::Side::requests, *this) {}
    void on_head(const sim::MessageHead& head) override;
    void on_body(std::string_view) override {}
    void on_trailers(const sim::MessageHead&) override {}
    void on_message_end() override;
    World& world;
    core::PlayedTransport transport;
    sim::MessageReader reader;
    bool owes = false;  // an answer
  };
  struct Client final : sim::MessageHandler {
    explicit Client(World& of)
        : world(of), reader(sim::MessageReader::Side::responses, *this, sim::MessageReader::Unasked::taken) {}
    void on_head(const sim::MessageHead& head) override;
    void on_body(std::string_view) override {}
    void on_trailers(const sim::MessageHead&) override {}
    void on_message_end() override { ++finals; }
    World& world;
    core::PlayedTransport transport;
    sim::MessageReader reader;
    std::uint64_t finals = 0;
  };

  void settle();
  bool read_what_was_written();
  Visit* latest();

  const Nodes nodes_;
  std::deque<Visit> visits_;   // those that were opened, and those that may be
  std::size_t connected_ = 0;  // of them
  Client client_side_{*this};
  core::Bench bench_;  // ends before the connections that it knows
  std::uint64_t heads_ = 0, whole_ = 0;
};

}  // namespace weir::fuzz
