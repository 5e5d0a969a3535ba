// Cookies of a request, by name.
#include "proxy/policy/cookies.h"

#include <vector>

#include "tests/unit/catch.h"

namespace weir::policy {
namespace {

using Texts = std::vector<std::string>;

http::Fields fields_of(const Texts& cookies) {
  http::Fields fields;
  fields.add("Host", "a.test");
  for (const std::string& each : cookies) fields.add("Cookie", each);
  return fields;
}

Texts values_of(const Texts& cookies, std::string_view name) {
  Texts values;
  each_cookie(fields_of(cookies), name, [&](std::string_view value) { values.emplace_back(value); });
  return values;
}

std::optional<std::string> without(const Texts& cookies, std::string_view name) {
  http::Fields fields = fields_of(cookies);
  std::string scratch = "what was there before";
  drop_cookies(fields, name, scratch);
  CHECK(fields.get("Host") == "a.test");
  CHECK_FALSE(fields.repeated(http::FieldId::cookie));
  const auto left = fields.get(http::FieldId::cookie);
  return left ? std::optional<std::string>(*left) : std::nullopt;
}

}  // namespace

TEST_CASE("cookies are found by their whole names, in one field or several") {
  CHECK(values_of({"weir=1"}, "weir") == Texts{"1"});
  CHECK(values_of({"a=b; weir=1; c=d"}, "weir") == Texts{"1"});
  CHECK(values_of({"a=b", "weir=1", "weir=2; weir=3"}, "weir") == Texts{"1", "2", "3"});
  CHECK(values_of({"a=b;weir=1 ;c"}, "weir") == Texts{"1"});
  CHECK(values_of({"weir="}, "weir") == Texts{""});
  CHECK(values_of({"weir=a=b"}, "weir") == Texts{"a=b"});
  for (const char* none : {"weird=1", "xweir=1", "Weir=1", "weir", "a=weir=1", ";;; ;", ""})
    CHECK(values_of({none}, "weir").empty());
}

TEST_CASE("what is left of the cookies when some are taken out stands as it stood") {
  CHECK(without({"weir=1"}, "weir") == std::nullopt);
  CHECK(without({"weir=1", "weir=2;weir=3"}, "weir") == std::nullopt);
  CHECK(without({"a=b; weir=1; c=\"d e\""}, "weir") == "a=b; c=\"d e\"");
  CHECK(without({"a=b", "weir=1", "c"}, "weir") == "a=b; c");
  CHECK(without({"weird=1; weir=2;; WEIR=3"}, "weir") == "weird=1; WEIR=3");
}

}  // namespace weir::policy
