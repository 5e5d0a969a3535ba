// A client as its plan says: it sends its requests over one connection after the other, checks each byte that
// comes back, and misbehaves where it is told to. Nothing of it is Weir's code but the transport.
#pragma once

#include <deque>
#include <optional>
#include <string>

#include "tests/sim/message_reader.h"
#include "tests/sim/model_answer.h"
#include "tests/sim/model_caller.h"
#include "tests/sim/model_cookies.h"
#include "tests/sim/model_tls.h"
#include "tests/sim/sim_runtime.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

class ModelClient final : public ModelCaller, io::TransportHandler, io::TimerHandler, MessageHandler {
 public:
  ModelClient(SimRuntime& runtime, const io::Address& weir, const ClientPlan& plan, TrialBook& book);
  ModelClient(const ModelClient&) = delete;
  ModelClient& operator=(const ModelClient&) = delete;

  bool over() const override { return phase_ == Phase::over; }
  std::string describe() const override;

 private:
  enum class Phase : std::uint8_t { waiting, connecting, open, over };
  enum class Fault : std::uint8_t { ahead, struck };

  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;
  void on_timer() override;

  void on_head(const MessageHead& head) override;
  void on_body(std::string_view bytes) override;
  void on_trailers(const MessageHead& trailers) override;
  void on_message_end() override;

  void connect();
  void go_on();
  bool may_send_next() const;
  void add_request();
  void add_body(const RequestPlan& request, RequestId id);
  void write_some();
  bool strike();
  bool fault_is_ahead(ClientFault kind) const { return plan_.fault == kind && fault_ == Fault::ahead; }
  void fault_strikes();
  void wait(base::Duration span) { timer_.set(runtime_.now() + span); }
  void on_interim(const MessageHead& head);
  void begin_tunnel();
  void connection_ended(std::string_view how);
  void give_up(RequestId id);
  bool leapt();
  void check_silence();
  bool sends_still() const;
  RequestId front() const { return TrialBook::id_of(plan_, outstanding_.front()); }
  const RequestPlan& front_plan() const { return plan_.requests[outstanding_.front()]; }

  SimRuntime& runtime_;
  const io::Address weir_;
  const ClientPlan& plan_;
  TrialBook& book_;
  io::Timer timer_;
  io::TransportPtr transport_;
  TlsMemory memory_;         // where it speaks TLS
  ModelTls* tls_ = nullptr;  // the transport, if it is one
  std::optional<MessageReader> reader_;
  Phase phase_ = Phase::waiting;
  Fault fault_ = Fault::ahead;
  std::string out_;  // to be sent, from out_at_ on
  std::size_t out_at_ = 0;
  std::size_t next_ = 0;  // request to be sent
  std::deque<std::size_t> outstanding_;
  ModelAnswer answer_;  // the one that is being read
  ModelCookies cookies_;
  bool to_garbage_ = false;                // it is
  std::uint64_t sent_ = 0, received_ = 0;  // bytes of this connection
  base::Time moved_at_{};                  // when the latest byte came or went
  base::Time asked_at_{};                  // the latest request was sent
  base::Duration idle_before_{};           // for so long at most, before one of those that are outstanding
  bool thought_ = false;                   // about the next request
  bool awaits_continue_ = false;           // the body of the latest request is held back
  bool in_answer_ = false;
  bool tunnel_ = false;
  bool closing_ = false;  // the peer said that no more will be answered
  bool stops_ = false;    // after what is in out_
  bool stopped_ = false;  // sends nothing more
  bool write_failed_ = false;
  bool tunnel_read_ended_ = false;
  bool excused_ = false;  // what this client did may end its connection at any time
};

}  // namespace weir::sim
