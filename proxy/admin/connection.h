// One client of the admin port: a transport and an HTTP/1.1 server codec, gathering a request, waiting for
// its answer (which may come turns later), or following a stream of events. Large answers go out in pieces as
// the client takes them. Owned by the Port; control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/admin/message.h"
#include "proxy/codec/h1_server.h"
#include "proxy/io/runtime.h"

namespace weir::admin {

class Connection;
struct ConnectionTag;

class ConnectionOwner {
 public:
  // Asked when a client waits for leave to send a body: the answer if that would change nothing, or none.
  virtual std::optional<Answer> refusal(const Request& request) const = 0;
  // A request is whole. The owner calls answer() or stream() once, now or later, unless `from` ended first.
  virtual void on_request(Connection& from, const Request& request) = 0;
  virtual void on_closed(Connection& connection) = 0;  // it is to be destroyed, between turns

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public base::ListHook<ConnectionTag>,
                         io::TransportHandler,
                         codec::ServerCodecOwner,
                         io::TimerHandler,
                         io::Flushable,
                         io::Deferred {
 public:
  // `id` names it for answers that come later.
  Connection(ConnectionOwner& owner, io::Runtime& runtime, codec::Scratch& scratch,
             io::TransportPtr transport, std::uint64_t id);

  std::uint64_t id() const { return id_; }
  bool idle() const { return state_ == State::idle; }
  bool reading() const { return state_ == State::reading; }
  bool lingering() const { return state_ == State::lingering; }
  bool streaming() const { return state_ == State::streaming; }
  bool stalled() const;  // its client has taken nothing of what waits for it, for some seconds
  void answer(Answer answer);
  void stream(std::string_view type);  // begins an answer that goes on by push(), until somebody closes
  // A client that does not keep up misses what comes meanwhile.
  void push(std::string_view text);
  void close();  // no callback but on_closed follows

 private:
  enum class State : std::uint8_t {
    idle,       // between requests
    reading,    // a request arrives
    waiting,    // for its answer
    answering,  // until the client has taken all of it
    streaming,
    lingering,  // after the last answer
  };
  // The stream's side; the connection itself hears the transport's.
  class Gatherer final : public http::StreamHandler {
   public:
    explicit Gatherer(Connection& connection) : connection_(connection) {}

   private:
    void on_event(http::Event&& event) override { connection_.gather(event); }
    void on_sent(std::size_t) override {}
    void on_send_failed(const base::Error&) override { connection_.close(); }
    void on_receive_failed(const base::Error& error) override {
      if (connection_.reading()) connection_.refuse(error);  // else it has been answered already
    }
    void on_reset(const base::Error&) override { connection_.close(); }

    Connection& connection_;
  };

  void on_read(std::string_view bytes) override;
  void on_read_end() override;
  void on_read_error(const base::Error&) override { codec_.receive_error(); }
  void on_sent(std::size_t bytes) override;
  void on_write_error(const base::Error&) override { codec_.send_failed(); }
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override;
  void on_timer() override;
  void run_deferred() override { codec_.resume(); }
  void flush() override;

  void gather(http::Event& event);
  void gather_head(const http::Request& head);
  void gather_body(std::string_view bytes);
  void welcome_body();
  void refuse_body();
  void refuse(const base::Error& error);
  void send_head(const Answer& answer, http::BodyLength length);
  void write();
  void settle();
  void linger();
  void set_clock();
  void enter(State state);

  ConnectionOwner& owner_;
  io::Runtime& runtime_;
  codec::Scratch& scratch_;
  io::TransportPtr transport_;
  codec::H1Server codec_;
  Gatherer gatherer_{*this};
  io::Timer timer_;
  const std::uint64_t id_;
  http::Stream* stream_ = nullptr;  // of the present request, until its answer has been given to the codec
  Request request_;
  std::string text_;       // of the answer, lent to the codec piece by piece
  std::string_view rest_;  // what of it the codec has not been given
  State state_ = State::idle;
  base::Time taken_at_{};  // when the client took something last
  bool read_ended_ = false;
  bool closed_ = false;
};

}  // namespace weir::admin
