// Reads tests/corpus; its README.md describes the format.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::codec {

struct Case {
  std::string file;
  std::string name;
  std::string bytes;
  std::vector<std::pair<std::string, std::string>> notes;  // key and value, in order

  std::vector<std::string> all(std::string_view key) const;
  std::string get(std::string_view key, std::string_view otherwise) const;
};

std::string unescape(std::string_view text);
std::string as_bytes(std::string_view text);  // of a verdict: a letter up to U+00FF stands for its byte
std::vector<Case> read_corpus(std::string_view folder);  // "requests" or "responses"

}  // namespace weir::codec
