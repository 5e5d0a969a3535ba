// The data path without its world: an H1Server and, for every request, an H1Client, tied together the way the
// exchange ties them, so that what one side reads is what the other side writes. The tests look at what a
// node, or a client, would have been sent.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/codec/h1_client.h"
#include "proxy/codec/h1_server.h"

namespace weir::codec {

// A request as Weir read it, and the bytes that it wrote to the node for it.
struct Relayed {
  http::Request head;
  std::string body;
  std::string trailers;  // told()
  bool ended = false;
  std::string wire;
};

// Requests in, bytes for nodes out. Each is answered with 200 as soon as it is whole.
class RequestRelay final : private ServerCodecOwner, private ClientCodecOwner, private http::StreamHandler {
 public:
  RequestRelay() : server_(*this, scratch_) {}
  void read(std::string_view bytes);
  H1Server& server() { return server_; }

  std::deque<Relayed> seen;
  std::vector<int> statuses;                                // of the answers given, in order
  static constexpr std::uint64_t kBodyLimit = 1024 * 1024;  // more is answered with 413

  void answer(int status);

 private:
  http::StreamHandler& on_stream(http::Stream& stream) override;
  void on_refused(http::Stream& stream, const base::Error& error) override;
  void on_codec_changed() override {}
  void on_idle() override {}
  void on_event(http::Event&& event) override;
  void on_sent(std::size_t) override {}
  void on_send_failed(const base::Error&) override {}
  void on_receive_failed(const base::Error& error) override { answer(error.status); }
  void on_reset(const base::Error&) override {}
  void on_head(http::Request& head);
  void flush();

  struct Node final : http::StreamHandler {  // nothing comes from it
    void on_event(http::Event&&) override {}
    void on_sent(std::size_t) override {}
    void on_send_failed(const base::Error&) override {}
    void on_receive_failed(const base::Error&) override {}
    void on_reset(const base::Error&) override {}
  };
  Scratch scratch_;
  Node node_;
  H1Server server_;
  std::unique_ptr<H1Client> client_;
};

// A node's bytes in, bytes for the client out.
class ResponseRelay final : private ServerCodecOwner, private ClientCodecOwner {
 public:
  ResponseRelay(std::string_view method, std::string_view version);
  void read(std::string_view bytes);
  void read_end() { client_.receive_end(), flush(); }
  void read_error() { client_.receive_error(), flush(); }
  H1Client& client() { return client_; }

  std::vector<int> interims;
  http::Response head;  // the final one; status 0: none came
  std::string body;
  http::Fields trailers;
  bool ended = false;
  bool failed = false;
  std::string wire;  // interim heads, head, framed body

 private:
  struct Asking final : http::StreamHandler {  // the exchange as the server codec sees it
    void on_event(http::Event&&) override {}
    void on_sent(std::size_t) override {}
    void on_send_failed(const base::Error&) override {}
    void on_receive_failed(const base::Error&) override {}
    void on_reset(const base::Error&) override {}
  };
  struct Answering final : http::StreamHandler {  // and as the client codec does
    explicit Answering(ResponseRelay& relay) : relay_(relay) {}
    void on_event(http::Event&& event) override { relay_.on_answer(std::move(event)); }
    void on_sent(std::size_t) override {}
    void on_send_failed(const base::Error&) override {}
    void on_receive_failed(const base::Error&) override {}
    void on_reset(const base::Error&) override { relay_.failed = true; }
    ResponseRelay& relay_;
  };
  http::StreamHandler& on_stream(http::Stream&) override { return asking_; }
  void on_refused(http::Stream&, const base::Error&) override {}
  void on_codec_changed() override {}
  void on_idle() override {}
  void on_answer(http::Event&& event);
  void flush();

  Scratch server_scratch_, client_scratch_;
  Asking asking_;
  Answering answering_{*this};
  H1Server server_;
  H1Client client_;
};

}  // namespace weir::codec
