// Intrusive lists: order, unlinking from anywhere, members that are destroyed, splicing.
#include "proxy/base/intrusive_list.h"

#include <memory>
#include <string>

#include "tests/unit/catch.h"

using namespace weir::base;

namespace {

struct Tag;
struct OtherTag;
struct Item : ListHook<Tag>, ListHook<OtherTag> {
  explicit Item(char c) : name(c) {}
  char name;
};
using List = IntrusiveList<Item, Tag>;

std::string names(List& list) {
  std::string text;
  list.for_each([&](Item& item) { text += item.name; });
  return text;
}

}  // namespace

TEST_CASE("members come out as they went in") {
  Item a('a'), b('b'), c('c');
  List list;
  CHECK(list.empty());
  list.push_back(b);
  list.push_back(c);
  list.push_front(a);
  CHECK(names(list) == "abc");
  CHECK(list.front().name == 'a');
  CHECK(list.back().name == 'c');
  CHECK(list.pop_front().name == 'a');
  CHECK_FALSE(a.ListHook<Tag>::linked());
  CHECK(names(list) == "bc");
}

TEST_CASE("a member leaves from anywhere, and by being destroyed") {
  Item a('a'), c('c');
  auto b = std::make_unique<Item>('b');
  List list;
  for (Item* item : {&a, b.get(), &c}) list.push_back(*item);
  b.reset();
  CHECK(names(list) == "ac");
  c.ListHook<Tag>::unlink();
  c.ListHook<Tag>::unlink();
  a.ListHook<Tag>::unlink();
  CHECK(list.empty());
}

TEST_CASE("a member may be on two lists at once") {
  Item a('a');
  List list;
  IntrusiveList<Item, OtherTag> other;
  list.push_back(a);
  other.push_back(a);
  a.ListHook<Tag>::unlink();
  CHECK(list.empty());
  CHECK(&other.front() == &a);
}

TEST_CASE("a list that ends lets its members go") {
  Item a('a');
  {
    List list;
    list.push_back(a);
  }
  CHECK_FALSE(a.ListHook<Tag>::linked());
}

TEST_CASE("splicing moves all, in order") {
  Item a('a'), b('b'), c('c');
  List to, from;
  to.push_back(a);
  from.push_back(b);
  from.push_back(c);
  to.splice(from);
  CHECK(names(to) == "abc");
  CHECK(from.empty());
}

TEST_CASE("a visited member may leave") {
  Item a('a'), b('b'), c('c');
  List list;
  for (Item* item : {&a, &b, &c}) list.push_back(*item);
  list.for_each([](Item& item) {
    if (item.name != 'b') item.ListHook<Tag>::unlink();
  });
  CHECK(names(list) == "b");
}
