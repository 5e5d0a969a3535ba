// The log's line of a request that was to change something.
#include "proxy/admin/audit.h"

#include "tests/unit/catch.h"

namespace weir::admin {
namespace {

Request request(const std::string& agent, const std::string& client, const std::string& body) {
  Request made;
  made.method = http::Method::patch;
  made.path = "/api/pools/app/nodes/unix:%2Fa";
  made.user_agent = agent;
  made.client = client;
  made.body = body;
  return made;
}

std::string author(const std::string& agent) {
  return Audit(request(agent, "10.0.0.7", "")).author();
}

}  // namespace

TEST_CASE("Weir's own commands are called by their names, all others are the API") {
  CHECK(author("weir/0.1.0 drain") == "weir drain from 10.0.0.7");
  CHECK(author("weir/0.1.0 drain-self") == "weir drain-self from 10.0.0.7");
  for (const char* other :
       {"", "curl/8.0", "weir", "weir/0.1.0", "weir/0.1.0 ", "weir/0.1.0 drain: done\nforged",
        "weir/0.1.0 Drain", "weir/1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "weir/0.1.0 drain x"})
    CHECK(author(other) == "the API from 10.0.0.7");
  CHECK(Audit(request("", "a unix socket", "")).author() == "the API from a unix socket");
}

TEST_CASE("a line says who, what, and what came of it, and is one line whatever the body holds") {
  const Audit audit(request("weir/0.1.0 drain", "127.0.0.1", R"({"state":"drain"})"));
  CHECK(
      audit.line("done, written to /etc/weir.yaml") ==
      R"(weir drain from 127.0.0.1: PATCH /api/pools/app/nodes/unix:%2Fa {"state":"drain"}: done, written to /etc/weir.yaml)");
  CHECK(Audit(request("", "127.0.0.1", "")).line("done") ==
        "the API from 127.0.0.1: PATCH /api/pools/app/nodes/unix:%2Fa: done");
  const std::string odd = Audit(request("", "127.0.0.1", "a\r\nb\x1b[2J\xc3\xa9")).line("so\nit is");
  CHECK(odd == "the API from 127.0.0.1: PATCH /api/pools/app/nodes/unix:%2Fa a??b?[2J??: so?it is");
  CHECK(Audit(request("", "127.0.0.1", std::string(60'000, 'x'))).line("done").size() < 400);
}

}  // namespace weir::admin
