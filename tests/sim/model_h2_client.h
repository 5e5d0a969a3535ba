// A client that speaks HTTP/2, in clear or over TLS, as its plan says: many requests at a time over one
// connection after the other. It checks each stream as ModelClient does each request, and how Weir ends
// connections: a request is never lost in silence, and one that Weir declines has reached no node.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>

#include "tests/sim/alarm.h"
#include "tests/sim/h2_wire.h"
#include "tests/sim/model_answer.h"
#include "tests/sim/model_caller.h"
#include "tests/sim/model_cookies.h"
#include "tests/sim/model_tls.h"
#include "tests/sim/sim_runtime.h"

namespace weir::sim {

class ModelH2Client final : public ModelCaller, io::TransportHandler, H2WireHandler {
 public:
  ModelH2Client(SimRuntime& runtime, const io::Address& weir, const ClientPlan& plan, TrialBook& book);
  ModelH2Client(const ModelH2Client&) = delete;
  ModelH2Client& operator=(const ModelH2Client&) = delete;

  bool over() const override { return phase_ == Phase::over; }
  std::string describe() const override;

 private:
  enum class Phase : std::uint8_t { waiting, connecting, open, over };
  enum class Fault : std::uint8_t { ahead, struck };
  // One request.
  struct Asked {
    Asked(std::size_t number, const SimWorld& world, TrialBook& book)
        : request(number), answer(world, book) {}
    std::size_t request;
    ModelAnswer answer;
    std::uint64_t body_at = 0;            // bytes that have been sent of its body
    std::uint64_t reset_at = UINT64_MAX;  // bytes read of its answer, after which it is reset
    base::Time moved_at{};
    bool body_ended = false;
    bool held = false;  // for 100 (Continue)
    bool in_answer = false;
    bool tunnel = false;
    bool tunnel_read_ended = false;
    bool starves = false;  // is granted nothing
    bool malformed = false;
  };

  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override { connection_ended("ended"); }
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;

  void on_head(std::uint32_t stream, const MessageHead& head, Ends ends) override;
  void on_body(std::uint32_t stream, std::string_view bytes) override;
  void on_trailers(std::uint32_t stream, const MessageHead& trailers) override;
  void on_message_end(std::uint32_t stream) override;
  void on_reset(std::uint32_t stream, H2Error code) override;
  void on_goaway(std::uint32_t last, H2Error code) override;

  void connect();
  void introduce();
  void go_on();
  bool may_send_next() const;
  std::size_t take_next();
  void add_request();
  H2List head_of(const RequestPlan& request, RequestId id);
  void add_cookies(H2List& head, RequestId id);
  void on_interim(Asked& asked, const MessageHead& head);
  void feed();
  void feed(std::uint32_t stream, Asked& asked);
  void write_some();
  bool strike();
  bool fault_is_ahead(ClientFault kind) const { return plan_.fault == kind && fault_ == Fault::ahead; }
  void fault_strikes();
  std::string flood(std::uint32_t stream) const;
  void reset(std::uint32_t stream);
  void end_tunnel(const Asked& asked);
  void grant_owed();
  void give_patience();
  void go_on_reading();
  void end_waits();
  void be_impatient();
  void connection_ended(std::string_view how);
  void judge_end(std::string_view how);
  bool is_just_disturbed() const;
  bool is_ruined() const { return tls_ != nullptr && tls_->ruined(); }
  void decline(std::uint32_t stream, const Asked& asked);
  void give_up(const Asked& asked);
  void check_silence(Asked& asked);
  bool is_graceful() const { return !goaways_.empty() && goaway_code_ == H2Error::no_error; }
  RequestId id_of(const Asked& asked) const { return TrialBook::id_of(plan_, asked.request); }
  const RequestPlan& plan_of(const Asked& asked) const { return plan_.requests[asked.request]; }
  base::Time now() const { return runtime_.now(); }

  SimRuntime& runtime_;
  const io::Address weir_;
  const ClientPlan& plan_;
  TrialBook& book_;
  Alarm<ModelH2Client> begin_, think_, piece_, reading_, impatience_, grants_, introduction_, continue_;
  io::TransportPtr transport_;
  ModelCookies cookies_;
  TlsMemory memory_;         // where it speaks TLS
  ModelTls* tls_ = nullptr;  // the transport, if it is one
  std::optional<H2Wire> wire_;
  Phase phase_ = Phase::waiting;
  Fault fault_ = Fault::ahead;
  std::string out_;  // to be sent, from out_at_ on
  std::size_t out_at_ = 0;
  std::size_t next_ = 0;                  // request that has not been sent yet
  std::deque<std::size_t> again_;         // requests that Weir has declined
  std::map<std::uint32_t, Asked> asked_;  // by stream
  std::map<std::uint32_t, std::size_t> owed_;
  std::vector<std::uint32_t> goaways_;  // the last stream that each names
  H2Error goaway_code_ = H2Error::no_error;
  std::uint64_t sent_ = 0, received_ = 0;  // bytes of this connection
  std::uint32_t begun_ = 0;                // requests of this connection
  std::uint32_t fed_ = 0;                  // stream whose body went on last
  base::Time heard_at_{};                  // its first bytes, and parts of what is still on its way
  base::Time connected_at_{};
  base::Time flooded_at_{};
  base::Duration flood_took_{};  // until all of it had left
  bool thought_ = false;
  bool stopped_ = false;  // sends nothing more
  bool write_failed_ = false;
  bool went_away_ = false;
  bool introduced_ = false;
  bool flooded_ = false;
  bool starved_ = false;  // an answer, at least
  bool excused_ = false;  // what this client did may end its connection at any time
};

}  // namespace weir::sim
