// Fields: known names by id in any case, order and spelling kept, removal, and the pieces that heads are
// written from.
#include "proxy/http/fields.h"

#include <cctype>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/catch.h"

using namespace weir::http;

namespace {

std::string all(const Fields& fields) {
  std::string text;
  fields.for_each(
      [&](const Field& field) { text.append(field.name).append(": ").append(field.value).append("\r\n"); });
  return text;
}

std::string pieces(const Fields& fields) {
  std::string text;
  fields.for_each_piece([&](std::string_view piece) { text += piece; });
  return text;
}

std::string in_case(std::string_view name, int (*change)(int)) {
  std::string text(name);
  for (char& c : text) c = static_cast<char>(change(static_cast<unsigned char>(c)));
  return text;
}

// Fields as a parser makes them: over a text that holds them.
Fields adopted(std::string_view text) {
  Fields fields;
  fields.adopt(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find("\r\n", at), colon = text.find(':', at);
    std::size_t value = colon + 1, value_end = end;
    while (value < end && text[value] == ' ') ++value;
    while (value_end > value && text[value_end - 1] == ' ') --value_end;
    if (value == end) value = value_end = colon + 1;
    fields.add_slice(field_id(text.substr(at, colon - at)), static_cast<std::uint32_t>(at),
                     static_cast<std::uint16_t>(colon - at), static_cast<std::uint32_t>(value),
                     static_cast<std::uint32_t>(value_end - value));
    at = end + 2;
  }
  return fields;
}

}  // namespace

TEST_CASE("every known name is known in any case, and nothing near it is") {
  for (std::size_t i = 1; i <= static_cast<std::size_t>(FieldId::last); ++i) {
    const auto id = static_cast<FieldId>(i);
    const std::string name(field_name(id));
    INFO(name);
    CHECK(field_id(name) == id);
    CHECK(field_id(in_case(name, std::toupper)) == id);
    CHECK(field_id(in_case(name, std::tolower)) == id);
    CHECK(field_id(name + "x") == FieldId::other);
    CHECK(field_id(name.substr(1)) == FieldId::other);
    for (std::size_t at = 0; at < name.size(); ++at)
      for (int c = 0; c < 256; ++c) {
        std::string other = name;
        other[at] = static_cast<char>(c);
        REQUIRE((field_id(other) == id) == same_name(other, name));
      }
  }
  CHECK(field_id("") == FieldId::other);
  CHECK(field_id("X-Unknown") == FieldId::other);
  CHECK(field_name(FieldId::other).empty());
}

TEST_CASE("names are equal but for the case of ASCII letters") {
  CHECK(same_name("Host", "hOST"));
  CHECK(same_name("", ""));
  CHECK_FALSE(same_name("a", "ab"));
  CHECK_FALSE(same_name("[", "{"));
  CHECK_FALSE(same_name("@", "`"));
  CHECK_FALSE(same_name("\xc9", "\xe9"));
}

TEST_CASE("fields keep their order, spelling and repetition") {
  Fields fields;
  CHECK(fields.empty());
  fields.add("x-b", "1");
  fields.add("ACCEPT", "2");
  fields.add(FieldId::via, "3");
  fields.add("x-B", "");
  CHECK(all(fields) == "x-b: 1\r\nACCEPT: 2\r\nVia: 3\r\nx-B: \r\n");
  CHECK(pieces(fields) == all(fields));
  CHECK(fields.size() == 4);
  CHECK(fields.get("X-B") == "1");
  CHECK(fields.get(FieldId::accept) == "2");
  CHECK(fields.get("accept") == "2");
  CHECK(fields.get("X-C") == std::nullopt);
  CHECK(fields.get(FieldId::host) == std::nullopt);
  CHECK(fields.has(FieldId::via));
  CHECK(fields.has(FieldId::other));
  fields.clear();
  CHECK(fields.empty());
  CHECK_FALSE(fields.has(FieldId::via));
  CHECK_FALSE(fields.has(FieldId::other));
  CHECK(all(fields).empty());
}

TEST_CASE("removing takes all of a name and leaves the rest") {
  Fields fields = adopted("Via: 1\r\nX-A: 2\r\nVIA: 3\r\nx-a:4\r\nHost: 5\r\n");
  CHECK(fields.repeated(FieldId::via));
  CHECK_FALSE(fields.repeated(FieldId::host));
  fields.remove(FieldId::via);
  CHECK_FALSE(fields.has(FieldId::via));
  CHECK(all(fields) == "X-A: 2\r\nx-a: 4\r\nHost: 5\r\n");
  CHECK(pieces(fields) == all(fields));
  fields.remove("X-a");
  fields.remove("host");
  fields.remove("not there");
  CHECK(fields.empty());
  CHECK(pieces(fields).empty());
  fields.add(FieldId::via, "6");
  CHECK(fields.get(FieldId::via) == "6");
  CHECK_FALSE(fields.repeated(FieldId::via));
}

TEST_CASE("several names go at once") {
  Fields fields = adopted("Via: 1\r\nX-A: 2\r\nHost: 3\r\n");
  fields.remove({FieldId::via, FieldId::host, FieldId::te});
  CHECK(all(fields) == "X-A: 2\r\n");
  CHECK(fields.size() == 1);
  CHECK_FALSE((fields.has(FieldId::via) || fields.has(FieldId::host)));
  fields.remove({FieldId::via, FieldId::other});  // `other` is no name
  CHECK(fields.size() == 1);
}

TEST_CASE("a set of names holds those that it was made of") {
  const FieldSet set = {FieldId::accept, FieldId::x_request_id, FieldId::other};
  for (std::size_t i = 0; i <= static_cast<std::size_t>(FieldId::last); ++i) {
    const auto id = static_cast<FieldId>(i);
    CHECK(set.has(id) == (id == FieldId::accept || id == FieldId::x_request_id));
  }
}

TEST_CASE("of the fields without id some may go") {
  Fields fields = adopted("X-A: 1\r\nVia: 2\r\nx-b: 3\r\nX-A: 4\r\n");
  std::string asked;
  fields.remove_unknown([&](std::string_view name) { return asked.append(name) += ' ', name == "X-A"; });
  CHECK(asked == "X-A x-b X-A ");
  CHECK(all(fields) == "Via: 2\r\nx-b: 3\r\n");
  CHECK(fields.size() == 2);
}

TEST_CASE("setting puts one in place of all") {
  Fields fields = adopted("Via: 1\r\nX-A: 2\r\nVia: 3\r\nX-A: 4\r\n");
  fields.set(FieldId::via, "5");
  fields.set("x-a", "6");
  CHECK(all(fields) == "Via: 5\r\nx-a: 6\r\n");
  CHECK(fields.size() == 2);
}

TEST_CASE("a value may come out of the fields themselves, however they grow") {
  for (std::size_t size : {1, 10, 100, 5000}) {
    Fields fields;
    fields.add("X-A", std::string(size, 'v'));
    for (int i = 0; i < 20; ++i) fields.add("X-" + std::to_string(i), *fields.get("X-A"));
    for (int i = 0; i < 20; ++i) CHECK(fields.get("X-" + std::to_string(i)) == std::string(size, 'v'));
  }
}

TEST_CASE("pieces are whole runs where the text already is as it is written") {
  const std::string text = "X-A: 1\r\nX-B: 2\r\nX-C: 3\r\n";
  int count = 0;
  adopted(text).for_each_piece([&](std::string_view) { ++count; });
  CHECK(count == 1);
  CHECK(pieces(adopted(text)) == text);
  CHECK(pieces(adopted("X-A:1\r\nX-B:  2\r\nX-C: 3 \r\nX-D:\r\nX-E: 5\r\n")) ==
        "X-A: 1\r\nX-B: 2\r\nX-C: 3\r\nX-D: \r\nX-E: 5\r\n");
}

TEST_CASE("pieces are never more bytes than foretold") {
  for (std::string_view text : {"", "A:1\r\n", "A:\r\nB:\r\nC:x\r\n", "A: 1\r\nB:2\r\n"}) {
    Fields fields = adopted(text);
    CHECK(pieces(fields).size() <= fields.most_bytes());
    fields.add("X-D", "4");
    CHECK(pieces(fields).size() <= fields.most_bytes());
    fields.remove("A");
    CHECK(pieces(fields).size() <= fields.most_bytes());
  }
}

TEST_CASE("any mixture of additions, removals and settings is as a plain list would have it") {
  std::mt19937 random(1);
  const std::vector<std::string> names = {"X-A",  "x-a",    "Host",   "HOST", "Via",
                                          "X-Bb", "Cookie", "cookie", "TE"};
  for (int round = 0; round < 300; ++round) {
    Fields fields = adopted("Host: a\r\nX-A:b\r\nVia: c\r\n");
    std::vector<std::pair<std::string, std::string>> plain = {{"Host", "a"}, {"X-A", "b"}, {"Via", "c"}};
    for (int step = 0; step < 30; ++step) {
      const std::string& name = names[random() % names.size()];
      const std::string value(random() % 20, static_cast<char>('a' + random() % 26));
      const auto choice = random() % 3;
      if (choice > 0) {
        fields.add(name, value);
      } else {
        std::erase_if(plain, [&](const auto& field) { return same_name(field.first, name); });
        random() % 2 ? fields.remove(name) : fields.set(name, value);
        if (fields.get(name)) plain.emplace_back(name, value);
      }
      if (choice > 0) plain.emplace_back(name, value);
    }
    std::string wanted;
    for (const auto& [name, value] : plain) wanted += name + ": " + value + "\r\n";
    REQUIRE(all(fields) == wanted);
    REQUIRE(pieces(fields) == wanted);
    REQUIRE(fields.size() == plain.size());
  }
}

TEST_CASE("fields that hold more memory than they may let go of it") {
  Fields fields;
  fields.add("X-Long", std::string(20'000, 'x'));
  fields.shrink(1024);
  CHECK(fields.get("X-Long") == std::nullopt);
  fields.add("a", "b");
  const char* const at = fields.arena().data();  // in the object itself, as short text is
  CHECK(at >= reinterpret_cast<const char*>(&fields));
  CHECK(at < reinterpret_cast<const char*>(&fields + 1));
}
