// config.example.yaml tells the truth: it is valid, its commented lines show the defaults, and no key is
// missing.
#include <random>

#include "proxy/config/keys.h"
#include "proxy/config/read.h"
#include "tests/unit/catch.h"
#include "tests/unit/config/files.h"

using namespace weir::config;

namespace {

Config without_complaint(const std::string& text) {
  Loaded loaded = read_text(text, "example");
  for (const auto& diagnostic : loaded.diagnostics) UNSCOPED_INFO(diagnostic.text());
  REQUIRE(loaded.diagnostics.empty());
  REQUIRE(loaded.config);
  return *loaded.config;
}

}  // namespace

TEST_CASE("the example is valid as it stands, and says what the demo needs") {
  const Config config = without_complaint(example());
  REQUIRE(config.listeners.size() == 1);
  CHECK(config.listeners[0].address.text() == "127.0.0.1:8080");
  REQUIRE(config.pools.size() == 1);
  CHECK(config.pools[0].name == "app");
  REQUIRE(config.pools[0].nodes.size() == 3);
  CHECK(config.pools[0].nodes[2].address.text() == "127.0.0.1:9003");
}

TEST_CASE("what the example shows as defaults are the defaults") {
  CHECK(with_defaults_live() != first_part());
  CHECK(without_complaint(with_defaults_live()) == without_complaint(first_part()));
  CHECK(without_complaint(first_part()) ==
        without_complaint("pools:\n  app:\n    nodes: [127.0.0.1:9001, 127.0.0.1:9002, 127.0.0.1:9003]\n"
                          "    health: { http: /healthz, interval: 1s }\n"));
}

TEST_CASE("the example's second part is a configuration of its own") {
  CHECK(without_complaint(second_part()).pools.size() == 4);
}

TEST_CASE("no key is missing from the example") {
  std::set<std::string> shown = keys_of(with_defaults_live());
  shown.merge(keys_of(second_part()));
  for (const KeyTable* table : keys::kAll)
    for (std::string_view key : table->keys) {
      INFO("section '" << table->section << "', key '" << key << "'");
      CHECK(shown.contains(std::string(table->section) + " " + std::string(key)));
    }
}

TEST_CASE("any mutation of the example is read or refused, never worse") {
  const std::string base = with_defaults_live() + second_part();
  constexpr std::string_view kBytes = "{}[],:#&*!|>'\"%@`?- \n\t\\$<~0x\xff\x80\xc3";
  for (unsigned seed = 0; seed < (kSanitized ? 500U : 3000U); ++seed) {
    std::mt19937 random(seed);
    const auto below = [&](std::size_t bound) {
      return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random);
    };
    std::string text = seed % 3 == 0 ? with_defaults_live() : seed % 3 == 1 ? second_part() : base;
    for (std::size_t edits = 1 + below(8); edits > 0; --edits) {
      const std::size_t at = below(text.size());
      switch (below(4)) {
        case 0:
          text[at] = kBytes[below(kBytes.size())];
          break;
        case 1:
          text.insert(at, 1, kBytes[below(kBytes.size())]);
          break;
        case 2:
          text.erase(at, 1 + below(20));
          break;
        default:
          text.insert(at, text.substr(below(text.size()), below(60)));
          break;
      }
      if (text.empty()) text = "a";
    }
    INFO("seed " << seed);
    const Loaded loaded = read_text(text, "mutant");
    bool failed = false;
    for (const auto& diagnostic : loaded.diagnostics) failed |= diagnostic.level == Diagnostic::Level::error;
    REQUIRE(loaded.config.has_value() != failed);
  }
}
