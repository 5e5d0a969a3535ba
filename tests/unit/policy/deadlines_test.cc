// How long callers wait, as they say it and as nodes are told.
#include "proxy/policy/deadlines.h"

#include "tests/unit/catch.h"

using namespace weir::config;

TEST_CASE("how long a client waits, in milliseconds or as the configuration writes it") {
  using weir::policy::caller_patience;
  CHECK(caller_patience("0") == 0s);
  CHECK(caller_patience("250") == 250ms);
  CHECK(caller_patience("1.5s") == 1500ms);
  CHECK(caller_patience("2m") == 2min);
  CHECK(caller_patience("99999999999999999999") == Duration::max());
  for (const char* text : {"", "soon", "-1", "+1", " 1", "1 s", "1x", "1,5s", "0x10"})
    CHECK_FALSE(caller_patience(text));
}

TEST_CASE("what is left is said as it was said") {
  using weir::policy::patience_text;
  CHECK(patience_text(250ms, "1000") == "250");
  CHECK(patience_text(250ms, "1s") == "250ms");
  CHECK(patience_text(1us, "1000") == "1");
  CHECK(patience_text(Duration(1'000'001), "1000") == "2");
}
