// The data path with one client and as many nodes' connections as it asks for, on a loop that stands still.
// What Weir writes on either side is read by the simulator's reader, which shares nothing with it and takes
// no liberties; so is what the client sends, so that it is known what each answer is to. No request may have
// two answers, whatever else happens.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/told.h"
#include "tests/sim/message_reader.h"
#include "tests/unit/core/still_runtime.h"

namespace weir::fuzz {

class World {
 public:
  // What a node does once it has read a whole request.
  static constexpr int kStatusOfNodes = 200;  // Weir itself never answers so
  enum class Nodes : std::uint8_t {
    answer,  // kStatusOfNodes, "ok"
    listen,  // nothing: the test says what they send
  };

  struct Answer {
    int status;   // a final one
    bool closes;  // it says that it is the last
    std::string body;
    bool whole = false;
  };

  explicit World(Nodes nodes);
  ~World();
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void client_sends(std::string_view bytes, std::size_t piece);  // once; all that it ever sends
  void client_ends();
  // On the connection to a node that was opened last; nothing happens where there is none, or it is gone.
  void node_sends(std::string_view bytes, std::size_t piece);
  void node_ends();
  void node_resets();
  void pass(base::Duration span);
  // Everybody has gone and all deadlines are over: what must be nothing is.
  void end();

  const Told& told() const { return told_; }  // to Weir
  const std::vector<Message>& at_nodes() const { return at_nodes_; }
  const std::vector<Answer>& answers() const { return answers_; }
  std::uint64_t requests_of_weir() const { return bench_.listener.requests.get(); }
  std::uint64_t refused_by_weir() const;  // of them, those for which no node was chosen
  std::size_t under_way() const;          // requests that a node has in part

 private:
  // Of one node's connection.
  struct Visit final : sim::MessageHandler {
    explicit Visit(World& of) : world(of), reader(sim::MessageReader::Side::requests, *this) {}
    void on_head(const sim::MessageHead& head) override;
    void on_body(std::string_view bytes) override;
    void on_trailers(const sim::MessageHead&) override {}
    void on_message_end() override;
    World& world;
    core::PlayedTransport transport;
    sim::MessageReader reader;
    std::size_t message = 0;  // the latest, of at_nodes()
    bool owes = false;        // an answer
  };
  struct Client final : sim::MessageHandler {
    explicit Client(World& of) : world(of), reader(sim::MessageReader::Side::responses, *this) {}
    void read(std::string_view bytes);
    void on_head(const sim::MessageHead& head) override;
    void on_body(std::string_view bytes) override { world.answers_.back().body.append(bytes); }
    void on_trailers(const sim::MessageHead&) override {}
    void on_message_end() override { world.answers_.back().whole = true; }
    World& world;
    core::PlayedTransport transport;
    sim::MessageReader reader;
  };

  void settle();
  bool read_what_was_written();
  Visit* latest();
  bool next_is_to_head(int status, std::string_view behind_head) const;

  const Nodes nodes_;
  std::deque<Visit> visits_;   // those that were opened, and those that may be
  std::size_t connected_ = 0;  // of them
  Client client_side_{*this};
  core::Bench bench_;  // ends before the connections that it knows
  Told told_;
  std::vector<Message> at_nodes_;  // in the order in which their heads came
  std::vector<Answer> answers_;
};

}  // namespace weir::fuzz
