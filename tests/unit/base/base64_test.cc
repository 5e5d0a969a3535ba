// Base64, there and back.
#include "proxy/base/base64.h"

#include "tests/unit/catch.h"

namespace weir::base {

TEST_CASE("the test vectors of RFC 4648 10") {
  const std::pair<std::string_view, std::string_view> kVectors[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
  };
  for (const auto& [bytes, text] : kVectors) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
}

TEST_CASE("every byte survives") {
  std::string bytes;
  for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
  for (std::size_t size = 0; size <= bytes.size(); ++size)
    CHECK(from_base64(to_base64(bytes.substr(0, size))) == bytes.substr(0, size));
}

TEST_CASE("texts that were put together are read on behind their padding") {
  CHECK(from_base64("Zg==Zm8=Zm9v") == "ffofoo");
}

TEST_CASE("what is no base64 is refused") {
  for (const std::string_view text : {"Z", "Zg", "Zg=", "Zm9vY", "Zm9*", "Z===", "====", "=g==", "Zg=A",
                                      "Zh==", "Zm9=", " Zg=", "Zm\n8", "-_-_"})
    CHECK_FALSE(from_base64(text));
}

}  // namespace weir::base
