// Which requests came over a connection that their target does not allow.
#include "proxy/policy/misdirected.h"

#include "tests/unit/catch.h"

using namespace weir;
using namespace weir::policy;

TEST_CASE("an https target in clear is a stranger's to be refused, and a trusted proxy's to be believed") {
  const auto refused = misdirected("https", "http", Trust::none);
  REQUIRE(refused);
  CHECK(refused->status == 421);
  CHECK(refused->reason == base::Reason::bad_request);
  CHECK(refused->fault == base::Fault::downstream);
  CHECK_FALSE(misdirected("https", "http", Trust::proxy));
}

TEST_CASE("any other target may come in any way") {
  for (std::string_view target : {"", "http"})
    for (std::string_view listener : {"http", "https"})
      for (Trust trust : {Trust::none, Trust::proxy}) CHECK_FALSE(misdirected(target, listener, trust));
  for (Trust trust : {Trust::none, Trust::proxy}) CHECK_FALSE(misdirected("https", "https", trust));
}
