// gRPC-Web to gRPC, for callers that cannot read trailers (browsers): between a client's stream and its
// exchange. A call's Content-Type changes there and back; what are trailers to the node comes to the client
// as the last message of the body; and of the text variant both bodies are in base64. Bytes that it made are
// kept until they have left. A member of its exchange; loop thread only.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/http/message.h"
#include "proxy/http/stream.h"

namespace weir::core {

class GrpcWeb final : public http::Stream {
 public:
  // If `request` is a call of gRPC-Web: it becomes one of gRPC. `client` outlives what is returned.
  static std::unique_ptr<GrpcWeb> translate(http::Request& request, http::Stream& client);

  // A piece of the request's body, for the node; lent until the flush. None: it is no base64.
  std::optional<std::string_view> receive(std::string_view bytes);
  bool is_whole() const { return digits_.empty(); }  // the request's body may end here
  // So much of the answer, as the client gets it, has left: so much of it as the node sent it.
  std::size_t sent(std::size_t bytes);

  // Stream, of the exchange's.
  void send(http::Event&& event) override;
  void grant(std::size_t bytes) override;
  void reset(const base::Error& error) override { client_.reset(error); }
  std::uint64_t delivered(std::size_t in_flight) const override { return client_.delivered(in_flight); }
  bool withheld(std::size_t in_flight) const override { return client_.withheld(in_flight); }

 private:
  enum class Coding : std::uint8_t { binary, text };
  // Bytes on their way, in pieces: what was made here lies in a piece until all of that has left, and small
  // ones share it, so that what is kept of many is little more than they are.
  class Pieces {
   public:
    // They stand for `in` bytes that came. What is returned stays where it is.
    std::string_view add(std::string_view made, std::size_t in);
    void add(std::size_t bytes);  // that go on as they came
    // So many of those that go on have gone; how many that came do they stand for?
    std::size_t take(std::size_t out);

   private:
    static constexpr std::size_t kRoom = 4096;
    struct Piece {
      std::string made;
      std::size_t out = 0;  // bytes that are still to go
      std::size_t in = 0;   // bytes that came, for which they stand
    };
    Piece& last() { return pieces_.empty() ? pieces_.emplace_back() : pieces_.back(); }

    std::deque<Piece> pieces_;
  };

  GrpcWeb(http::Stream& client, Coding request, Coding response)
      : client_(client), request_(request), response_(response) {}
  void send_head(http::Response& head);
  void send_body(std::string_view bytes);
  void send_trailers(const http::Fields& trailers);

  http::Stream& client_;
  const Coding request_;
  const Coding response_;
  bool is_call_ = false;  // the answer is one of gRPC
  std::string digits_;    // of base64 that has come in part; three at most
  Pieces to_node_;
  Pieces to_client_;
};

}  // namespace weir::core
