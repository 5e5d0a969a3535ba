// TLS of a model peer: a filter between its bytes and the simulated network, over OpenSSL and nothing of
// proxy/tls. It agrees on a version of HTTP, goes on with sessions, cuts records, changes keys; and does
// wrong what its manners say, once it comes to that. What Weir says must be TLS without a fault. It belongs
// to its TransportPtr.
//
//   connecting (a client) -> shaking -> open -> closed      shaking -> failed -> closed
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/tls/openssl.h"
#include "tests/sim/alarm.h"
#include "tests/sim/sim_transport.h"
#include "tests/sim/trial_book.h"

namespace weir::sim {

// What a client keeps from one connection to the next.
struct TlsMemory {
  struct Free {
    void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
  };
  std::unique_ptr<SSL_SESSION, Free> session;
  bool struck = false;  // the fault of its manners
};

class ModelTls final : public io::Transport, io::TransportHandler {
 public:
  // To Weir. The handler hears of the handshake's outcome; if it fails, the book has been told of whatever is
  // Weir's fault. `memory` outlives it.
  static io::TransportPtr connect(SimRuntime& runtime, const io::Address& weir, io::TransportHandler& handler,
                                  const ClientPlan& plan, TlsMemory& memory, TrialBook& book);
  // From Weir; likewise, once it has a handler.
  static ModelTls* accept(SimRuntime& runtime, io::TransportPtr inner, const TlsManners& manners,
                          TrialBook& book);
  ~ModelTls();

  bool speaks_h2() const;
  // From now on nothing that is sent by it arrives, and Weir has a reason to end it.
  bool ruined() const { return ruined_; }
  // What ends by its end can be told from what is cut.
  bool says_goodbye() const { return fault_ != TlsFault::without_goodbye; }
  // It ends its connections by a goodbye, and waits for Weir to do the rest.
  bool waits_at_end() const { return fault_ == TlsFault::goodbye_alone; }
  // When a part of a record came last that was not its first.
  base::Time inside_record_at() const { return inside_record_at_; }
  // From now on Weir has to end it, soon.
  void await_end(base::Duration most);

  // For TrialCredentials.
  static void prepare_client(SSL_CTX& context);
  static void prepare_node(SSL_CTX& context);

  void set_handler(io::TransportHandler& handler) override;
  std::size_t write(std::span<const std::string_view> pieces) override;
  std::size_t pending() const override { return inner_->pending(); }
  bool quiet() override { return inner_->quiet(); }
  void pause() override { inner_->pause(); }
  void resume() override { inner_->resume(); }
  void shutdown_write() override;
  void reset() override;
  const io::Ip& peer() const override { return inner_->peer(); }
  std::uint16_t peer_port() const override { return inner_->peer_port(); }
  void release() override;

 private:
  enum class Phase : std::uint8_t { connecting, shaking, open, failed, closed };

  ModelTls(SimRuntime& runtime, TlsSide side, SSL_CTX* context, const TlsManners& manners, TrialBook& book);

  void on_connected() override;
  void on_connect_failed(const base::Error& error) override;
  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error& error) override;
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error& error) override;

  static int keep_session(SSL* ssl, SSL_SESSION* session);
  static int choose_protocol(SSL* ssl, const unsigned char** out, unsigned char* size,
                             const unsigned char* offered, unsigned offered_size, void*);
  static int note_name(SSL* ssl, int*, void*);
  static int seal_name(SSL* ssl, void*);
  static SSL_TICKET_RETURN open_name(SSL*, SSL_SESSION*, const unsigned char*, std::size_t,
                                     SSL_TICKET_STATUS status, void*);

  void shake();
  void open();
  void check_session();
  void fail(std::string_view why);
  void read();
  void seal(std::string_view bytes);
  bool strikes_now() const;
  void strike();
  void strike_within(std::string_view& bytes);
  void strike_at_first(std::string bytes);
  void break_record(std::string_view bytes);
  void flood_keys();
  void change_keys();
  void send_late_ticket();
  void end_writing();
  std::string take_sealed();
  void flush();
  void send(std::string_view bytes) { inner_->write(std::span(&bytes, 1)); }
  void look_for_end();
  void go_on_reading() {
    if (phase_ == Phase::open) inner_->resume();
  }
  SimTransport& wire() { return static_cast<SimTransport&>(*inner_); }
  base::Time now() const { return runtime_.now(); }

  SimRuntime& runtime_;
  TrialBook& book_;
  const TlsSide side_;
  const TlsManners& manners_;
  TlsFault fault_;
  const tls::Owned<SSL> ssl_;
  Alarm<ModelTls> end_, reading_;
  TlsMemory* memory_ = nullptr;  // of a client
  bool wants_h2_ = false;
  io::TransportPtr inner_;
  io::TransportHandler* handler_ = nullptr;
  Phase phase_ = Phase::shaking;
  base::Time begun_at_{}, awaits_since_{}, inside_record_at_{};
  base::Duration most_wait_{};
  std::uint64_t sent_ = 0, keyed_at_ = 0;  // bytes that were sent through it; when keys changed
  std::uint32_t late_tickets_ = 0;
  std::string asked_for_;  // a node
  std::string in_clear_;   // what Weir answers to a request without TLS
  bool struck_ = false;
  bool ruined_ = false;
  bool silent_ = false;  // says nothing more
  bool write_ended_ = false;
  bool read_ended_ = false;
};

}  // namespace weir::sim
