// What a check expects of an answer, and the judging of one: its status lies in one of the ranges, and its
// body contains the wanted text, if one is wanted. The body comes piece by piece, is looked at once and never
// kept. A Probe is immutable and shared; a Judgement is one answer's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::health {

struct StatusRange {
  std::uint16_t first;
  std::uint16_t last;
};

// Finds a text in a stream (Knuth, Morris and Pratt, "Fast pattern matching in strings", 1977): what it knows
// of the stream so far is how much of the text's begin has just been seen.
class WantedText {
 public:
  explicit WantedText(std::string text);

  std::size_t size() const { return text_.size(); }
  // How much has been seen after this piece, where `seen` had been before; size() once all of it has.
  std::size_t look(std::size_t seen, std::string_view piece) const;

 private:
  std::string text_;
  std::vector<std::size_t> fallback_;  // [n]: so much of the begin is also the end of its first n + 1 bytes
};

class Probe {
 public:
  Probe(std::vector<StatusRange> statuses, std::string text)
      : statuses_(std::move(statuses)), text_(std::move(text)) {}

  bool expects(int status) const;
  const WantedText& text() const { return text_; }  // empty: any body will do

 private:
  std::vector<StatusRange> statuses_;
  WantedText text_;
};

class Judgement {
 public:
  explicit Judgement(const Probe& probe) : probe_(&probe) {}

  void see(std::string_view piece) { seen_ = probe_->text().look(seen_, piece); }
  bool has_text() const { return seen_ == probe_->text().size(); }

 private:
  const Probe* probe_;
  std::size_t seen_ = 0;
};

}  // namespace weir::health
