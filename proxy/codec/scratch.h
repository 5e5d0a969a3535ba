// What the codecs of one loop share, so that connections hold memory only while they work: the messages that
// heads are parsed into, the outputs that are written from, the limits of heads. One a worker; loop thread
// only.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "proxy/codec/h1_parser.h"
#include "proxy/codec/output.h"
#include "proxy/http/message.h"

namespace weir::codec {

class Scratch {
 public:
  HeadLimits limits;
  http::Request request;
  http::Response response;
  http::Fields trailers;
  std::string spent;  // bytes that a connection had held back, lent until the flush of this turn

  std::unique_ptr<Output> take_output() {
    if (outputs_.empty()) return std::make_unique<Output>();
    auto output = std::move(outputs_.back());
    outputs_.pop_back();
    return output;
  }
  void give_back(std::unique_ptr<Output> output) {
    output->clear();
    if (outputs_.size() < kKept) outputs_.push_back(std::move(output));
  }

 private:
  static constexpr std::size_t kKept = 64;
  std::vector<std::unique_ptr<Output>> outputs_;
};

}  // namespace weir::codec
