// HTTP/1.1 as the model peers read it: small, strict, and sharing nothing with proxy/codec, so that the two
// cannot be wrong together. Whatever Weir sends must be read by it without a word. It is the strictest of all
// readers where two could see different messages in the same bytes: what RFC 9112 lets a recipient repair
// (both lengths, a coding under HTTP/1.0, a length where there is no body) is bad here.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::sim {

struct MessageHead {
  // Of the start line: method, target, version; or version, status, reason.
  std::string_view first, second, third;
  std::vector<std::pair<std::string_view, std::string_view>> fields;

  // "" if there is none.
  std::string_view get(std::string_view name) const;
  bool has(std::string_view name) const { return !get(name).empty(); }
  std::size_t count(std::string_view name) const;  // of its field lines, empty ones too
  int status() const;
};

// In digits.
void append_number(std::string& to, std::uint64_t value);

class MessageHandler {
 public:
  // Of a request, or a response, interim ones included; it is good during the call.
  virtual void on_head(const MessageHead& head) = 0;
  virtual void on_body(std::string_view bytes) = 0;  // of a body, or of a tunnel
  virtual void on_trailers(const MessageHead& trailers) = 0;
  virtual void on_message_end() = 0;

 protected:
  ~MessageHandler() = default;
};

class MessageReader {
 public:
  enum class Side : std::uint8_t { requests, responses };

  enum class Unasked : std::uint8_t { bad, taken };  // responses to nothing that expect() told of

  MessageReader(Side side, MessageHandler& handler, Unasked unasked = Unasked::bad)
      : side_(side), unasked_(unasked), handler_(handler) {}

  // For responses: what the next one answers.
  enum class Answers : std::uint8_t { head, other };
  void expect(Answers request) { expected_.push_back(request); }

  // Stops where the handler calls stop(). False once the bytes are no HTTP; problem() says why.
  bool read(std::string_view bytes);
  void begin_tunnel() { state_ = State::tunnel; }
  void stop() { state_ = State::stopped; }
  // The peer sent FIN. False if that is inside a message.
  bool end();

  std::string_view problem() const { return problem_; }
  bool inside_message() const { return state_ != State::head || !held_.empty(); }
  bool before_chunk() const { return state_ == State::chunk_size && held_.empty(); }

 private:
  enum class State : std::uint8_t {
    head,
    counted,
    until_close,
    chunk_size,
    chunk_data,
    chunk_end,
    trailers,
    tunnel,
    stopped,
    broken
  };

  std::size_t read_head(std::string_view bytes);
  std::size_t read_line(std::string_view bytes);
  void take_head(std::string_view text);
  bool parse(std::string_view text);
  bool parse_start_line(std::string_view line);
  bool parse_field(std::string_view line);
  std::string_view problem_of_request() const;
  std::string_view problem_of_length();
  void begin_body();
  void take_chunk_size(std::string_view line);
  void finish();
  void fail(std::string_view why);

  const Side side_;
  const Unasked unasked_;
  MessageHandler& handler_;
  State state_ = State::head;
  std::string held_;  // of a head or line whose end has not arrived
  std::deque<Answers> expected_;
  MessageHead head_;
  std::uint64_t left_ = 0;  // of a counted body or a chunk
  std::string_view problem_;
};

}  // namespace weir::sim
