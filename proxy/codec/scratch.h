// What the codecs of one loop share, so that connections hold memory only while they work: the messages that
// heads are parsed into, the outputs that are written from, the limits. One a worker; loop thread only.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/codec/h1_parser.h"
#include "proxy/codec/h2_head.h"
#include "proxy/codec/h2_limits.h"
#include "proxy/codec/h2_pairs.h"
#include "proxy/codec/output.h"
#include "proxy/http/message.h"

namespace weir::codec {

class Scratch {
 public:
  HeadLimits limits;
  H2Limits h2_limits;
  http::Request request;
  http::Response response;
  http::Fields trailers;
  std::string spent;  // bytes that a connection had held back, lent until the flush of this turn

  std::unique_ptr<Output> take_output() { return outputs_.take(); }
  void give_back(std::unique_ptr<Output> output) { outputs_.give_back(std::move(output)); }
  std::unique_ptr<H2Head> take_head() { return heads_.take(); }
  void give_back(std::unique_ptr<H2Head> head) { heads_.give_back(std::move(head)); }
  std::unique_ptr<H2Pairs> take_pairs() { return pairs_.take(); }
  void give_back(std::unique_ptr<H2Pairs> pairs) { pairs_.give_back(std::move(pairs)); }

 private:
  // Of one kind, those that nobody uses at the moment.
  template <class T>
  class Spare {
   public:
    std::unique_ptr<T> take() {
      if (spare_.empty()) return std::make_unique<T>();
      auto object = std::move(spare_.back());
      spare_.pop_back();
      return object;
    }
    void give_back(std::unique_ptr<T> object) {
      object->clear();
      if (spare_.size() < kKept) spare_.push_back(std::move(object));
    }

   private:
    static constexpr std::size_t kKept = 64;
    std::vector<std::unique_ptr<T>> spare_;
  };
  Spare<Output> outputs_;
  Spare<H2Head> heads_;
  Spare<H2Pairs> pairs_;
};

}  // namespace weir::codec
