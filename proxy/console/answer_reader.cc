#include "proxy/console/answer_reader.h"

#include <utility>

namespace weir::console {
namespace {

constexpr const char* kNoHttp = "what answers there is no HTTP server";
constexpr const char* kCut = "the answer was cut off";
constexpr const char* kTooLarge = "the answer is too large";

using Mode = codec::H1Body::Mode;
using Step = codec::H1Body::Step;

void start(codec::H1Body& body, const codec::ConnectionOptions& options, const http::BodyLength& length) {
  const bool counted = length.kind == http::BodyLength::Kind::bytes;
  const Mode mode = options.chunked ? Mode::chunked : counted ? Mode::counted : Mode::until_close;
  body.start(mode, counted ? length.bytes : 0, base::Fault::upstream);
}

}  // namespace

std::string AnswerReader::take(std::string_view bytes) {
  if (state_ == State::body) return take_body(bytes);
  head_.append(bytes);
  return take_head();
}

std::string AnswerReader::take_head() {
  for (;;) {
    const auto size = scan_.find_end(head_, limits_, codec::HeadScan::Kind::response);
    if (!size) return kNoHttp;
    if (*size == 0) return {};
    http::Response response;
    const auto options = codec::parse_response(std::string_view(head_).substr(0, *size), limits_, response);
    if (!options || response.status == 101) return kNoHttp;
    head_.erase(0, *size);
    scan_.reset();
    if (response.interim()) continue;
    answer_.status = response.status;
    state_ = State::body;
    start(body_, *options, response.length);
    return take_body(std::exchange(head_, {}));
  }
}

std::string AnswerReader::take_body(std::string_view bytes) {
  for (;;) {
    const auto step = body_.next(bytes, limits_, trailers_);
    if (!step) return kNoHttp;
    bytes.remove_prefix(step->used);
    if (step->payload.size() > most_ - answer_.body.size()) return kTooLarge;
    answer_.body.append(step->payload);
    if (step->kind == Step::Kind::end) state_ = State::done;
    if (step->kind == Step::Kind::end || (step->kind == Step::Kind::need_more && bytes.empty())) return {};
  }
}

std::string AnswerReader::take_end() {
  if (state_ != State::body || body_.mode() != Mode::until_close) return kCut;
  state_ = State::done;
  return {};
}

}  // namespace weir::console
