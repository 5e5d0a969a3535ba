// One connection as the two kernels and the wire between them hold it: bytes on their way, bytes that
// arrived, FIN and RST. Each direction holds a bounded number of bytes. It knows its two transports only to
// tell them that there is something to do; they call back when their loops poll. It ends when both ends are
// closed.
//
// What is modelled of TCP: a close with unread bytes sends RST; bytes that reach a closed end are answered by
// RST; RST drops what had not arrived, while what had arrived stays readable; FIN ends one direction only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/io/address.h"
#include "tests/sim/sim_world.h"

namespace weir::sim {

class SimTransport;

class SimLink final : public SimActor, public base::ListHook<LinkTag> {
 public:
  using Side = unsigned;
  static constexpr Side kConnected = 0;  // who called connect
  static constexpr Side kAccepted = 1;

  enum class Outcome : std::uint8_t { waiting, connected, refused };
  enum class End : std::uint8_t { none, fin, reset };

  SimLink(SimWorld& world, const io::Address& to) : SimLink(world, to, world.fate_of(to)) {}
  SimLink(SimWorld& world, const io::Address& to, SimWorld::Fate fate);

  // What a transport asks of its side.
  Outcome outcome() const { return outcome_; }
  bool closed(Side side) const { return ends_[side].closed; }
  void attach(Side side, SimTransport* transport) { ends_[side].transport = transport; }
  const SimTransport* transport(Side side) const { return ends_[side].transport; }  // null once it has closed
  std::size_t readable(Side side) const { return flows_[1 - side].arrived; }
  std::size_t read(Side side, char* to, std::size_t most);
  End read_end(Side side) const;  // once nothing is readable: why nothing will be
  bool broken(Side side) const { return ends_[side].was_reset; }
  // How much was taken. If that is not all, the transport is told when to try again.
  std::size_t write(Side side, std::string_view bytes);
  void shutdown(Side side);
  void close(Side side);
  void reset(Side side);
  // What this side has written, and the other one has not read.
  std::size_t unread(Side side) const { return flows_[side].held(); }
  std::uint16_t client_port() const { return client_port_; }
  const io::Address& server() const { return to_; }
  void come_from(std::uint32_t process) { process_ = process; }
  std::uint32_t process() const { return process_; }  // that connected
  // Since when its connect waits for an answer that never comes; kNever: it does not.
  base::Time in_black_hole_since() const {
    return ends_[kConnected].closed ? base::kNever : in_black_hole_since_;
  }

 private:
  enum class What : std::uint8_t { syn, answer, deliver, reset, writable };
  struct Flow {
    std::string bytes;  // from `head`: arrived, then on their way
    std::size_t head = 0;
    std::size_t arrived = 0;
    std::size_t room = 0;
    bool moving = false;  // an event is under way
    bool fin_sent = false;
    bool fin_arrived = false;

    std::size_t held() const { return bytes.size() - head; }
    std::size_t on_the_way() const { return held() - arrived; }
    void consume(std::size_t n);
    void drop_on_the_way(std::size_t keep) { bytes.resize(head + arrived + keep); }
  };
  struct Endpoint {
    SimTransport* transport = nullptr;
    bool closed = false;
    bool reset_sent = false;
    bool was_reset = false;
    bool wants_to_write = false;
    bool writable_due = false;
  };

  ~SimLink() override = default;
  void on_event(std::uint32_t what) override;
  void schedule(What what, Side side, base::Duration after);
  void arrive_at_listener();
  std::size_t split(std::size_t bytes);
  void move(Side from);
  void deliver(Side from);
  void be_reset(Side side);
  void writable(Side side);
  void let_write(Side side);
  void tell(Side side);
  void end_if_closed();

  SimWorld& world_;
  const io::Address to_;
  const std::uint16_t client_port_;
  std::uint32_t process_ = 0;
  Outcome outcome_ = Outcome::waiting;
  base::Time in_black_hole_since_ = base::kNever;
  std::array<Flow, 2> flows_;  // by the side that sends
  std::array<Endpoint, 2> ends_;
};

}  // namespace weir::sim
