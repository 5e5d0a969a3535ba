// How far OPTIONS and TRACE may go.
#include "proxy/policy/max_forwards.h"

#include <string>

#include "tests/unit/catch.h"

using namespace weir;
using http::Method;

namespace {

// What is sent on: the fields' values; or the status of the answer.
std::string spent(Method method, std::initializer_list<std::string_view> values) {
  http::Request request;
  request.method = method;
  for (std::string_view value : values) request.fields.add("max-forwards", value);
  if (const auto answer = policy::spend_forward(request)) return "= " + std::to_string(answer->status);
  std::string text;
  request.fields.for_each([&](const http::Field& field) { text.append(field.value) += '|'; });
  return text;
}

}  // namespace

TEST_CASE("Max-Forwards goes down by one, and ends at none") {
  for (Method method : {Method::options, Method::trace}) {
    CHECK(spent(method, {"10"}) == "9|");
    CHECK(spent(method, {"1"}) == "0|");
    CHECK(spent(method, {"4294967295"}) == "4294967294|");
    CHECK(spent(method, {"99999999999999999999"}) == "4294967294|");
    CHECK(spent(method, {"3", "0"}) == "2|");
    CHECK(spent(method, {}).empty());
  }
  CHECK(spent(Method::options, {"0"}) == "= 204");
  CHECK(spent(Method::options, {"000"}) == "= 204");
  CHECK(spent(Method::trace, {"0"}) == "= 405");
}

TEST_CASE("a Max-Forwards that is no number says nothing, and so does that of other methods") {
  for (std::string_view odd : {"", "-1", "+1", "1.5", "0x1", "1 0", "0,0", "one"})
    CHECK(spent(Method::options, {odd}) == std::string(odd) + "|");
  for (Method method : {Method::get, Method::post, Method::other}) CHECK(spent(method, {"0"}) == "0|");
}
