// Small seeded changes to bytes, of the kinds that parsers disagree about.
#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace weir::oracle {

class Mutation {
 public:
  explicit Mutation(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t bound) { return random_() % bound; }
  // One to four changes; some take bytes from `other`.
  std::string of(std::string bytes, std::string_view other);

 private:
  void change(std::string& bytes, std::string_view other);
  std::mt19937 random_;
};

}  // namespace weir::oracle
