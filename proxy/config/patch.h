// What is to change in a text: some of its parts, each by another text. Offsets are bytes of the text as it
// was.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

class Patch {
 public:
  void replace(std::size_t begin, std::size_t end, std::string by);
  // What is inserted at one place stands there in the order of the calls.
  void insert(std::size_t at, std::string text) { replace(at, at, std::move(text)); }
  void erase(std::size_t begin, std::size_t end) { replace(begin, end, {}); }

  // nullopt: parts overlap, or lie outside of the text.
  std::optional<std::string> applied_to(std::string_view text) const;

 private:
  struct Part {
    std::size_t begin;
    std::size_t end;
    std::string by;
  };

  std::vector<Part> parts_;  // by begin
};

}  // namespace weir::config
