// put copies every size to the byte and leaves what lies around it alone.
#include "proxy/base/put.h"

#include <string>

#include "tests/unit/catch.h"

TEST_CASE("a text of any size is put where it belongs") {
  for (std::size_t size = 0; size <= 100; ++size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('A' + i % 50);
    std::string room(size + 2, '.');
    CHECK(weir::base::put(room.data() + 1, text) == room.data() + 1 + size);
    CHECK(room == "." + text + ".");
  }
}
