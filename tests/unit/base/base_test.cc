// The small parts of proxy/base: deadlines, reasons, results, the graveyard.
#include <set>

#include "proxy/base/error.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/result.h"
#include "proxy/base/time.h"
#include "tests/unit/catch.h"

using namespace weir::base;
using namespace std::chrono_literals;

TEST_CASE("a deadline after forever is never") {
  const Time now(1h);
  CHECK(deadline(now, 5s) == now + 5s);
  CHECK(deadline(now, Duration::max()) == kNever);
  CHECK(deadline(now, kNever - now) == kNever);
  CHECK(deadline(now, kNever - now - 1ns) == kNever - 1ns);
  CHECK(deadline(now, 0s) == now);
}

TEST_CASE("every reason has a word of its own") {
  std::set<std::string_view> words;
  for (auto reason = static_cast<unsigned>(Reason::none); reason <= static_cast<unsigned>(Reason::internal);
       ++reason)
    words.insert(word(static_cast<Reason>(reason)));
  CHECK(words.size() == static_cast<unsigned>(Reason::internal) + 1);
  CHECK(word(Reason::none) == "-");
  CHECK(word(Reason::connect_timeout) == "connect_timeout");
}

TEST_CASE("a result is a value or an error") {
  const auto half = [](int n) -> Result<int> {
    if (n % 2) return unexpected(Error{.reason = Reason::bad_request, .detail = "odd"});
    return n / 2;
  };
  CHECK(*half(4) == 2);
  REQUIRE_FALSE(half(3));
  CHECK(half(3).error().detail == "odd");
}

namespace {

struct Mortal {
  int& deaths;
  Graveyard* graveyard = nullptr;  // where another is sent at the end of this one
  ~Mortal() {
    ++deaths;
    if (graveyard) graveyard->retire(std::make_unique<Mortal>(deaths));
  }
};

}  // namespace

TEST_CASE("the graveyard destroys what was retired, and what that retires") {
  int deaths = 0;
  Graveyard graveyard;
  graveyard.retire(std::unique_ptr<Mortal>());
  CHECK(graveyard.empty());
  graveyard.retire(std::make_unique<Mortal>(deaths, &graveyard));
  graveyard.retire(std::make_unique<Mortal>(deaths));
  CHECK(deaths == 0);
  graveyard.clear();
  CHECK(deaths == 3);
  CHECK(graveyard.empty());
}

TEST_CASE("the graveyard's own end empties it") {
  int deaths = 0;
  {
    Graveyard graveyard;
    graveyard.retire(std::make_unique<Mortal>(deaths));
  }
  CHECK(deaths == 1);
}
