// The guard lets legal orders pass and nothing else: every sequence of events up to six is held against a
// grammar.
#include "proxy/core/ordered_events.h"

#include <string>

#include "tests/unit/catch.h"

using namespace weir;
using core::OrderedEvents;

namespace {

struct Samples {
  http::Request request;
  http::Response interim, final;
  http::Fields trailers;
  Samples() {
    interim.status = 103;
    final.status = 200;
  }
  // q: request head, i: interim head, f: final head, b: body, t: trailers, e: end
  http::Event of(char kind) {
    switch (kind) {
      case 'q':
        return http::RequestHead{&request};
      case 'i':
        return http::ResponseHead{&interim};
      case 'f':
        return http::ResponseHead{&final};
      case 'b':
        return http::Body{"x"};
      case 't':
        return http::Trailers{&trailers};
      default:
        return http::End{};
    }
  }
};

// What of a sequence passes.
std::string passed(OrderedEvents order, const std::string& events) {
  Samples samples;
  std::string text;
  for (char kind : events)
    if (order.admit(samples.of(kind))) text += kind;
  return text;
}

// Interim heads, the head, bodies, trailers, end; or less of it.
bool is_beginning(std::string_view text, std::string_view interim, std::string_view head) {
  const auto skip_all = [&](std::string_view kind) {
    while (!kind.empty() && text.starts_with(kind)) text.remove_prefix(1);
  };
  const auto skip_one = [&](std::string_view kind) {
    if (text.starts_with(kind)) text.remove_prefix(1);
  };
  skip_all(interim);
  if (!text.starts_with(head)) return text.empty();
  skip_one(head);
  skip_all("b");
  skip_one("t");
  skip_one("e");
  return text.empty();
}

template <class F>
void each_sequence(std::size_t size, F f) {
  constexpr std::string_view kKinds = "qifbte";
  std::size_t count = 1;
  for (std::size_t i = 0; i < size; ++i) count *= kKinds.size();
  for (std::size_t n = 0; n < count; ++n) {
    std::string events;
    for (std::size_t i = 0, rest = n; i < size; ++i, rest /= kKinds.size())
      events += kKinds[rest % kKinds.size()];
    f(events);
  }
}

}  // namespace

TEST_CASE("what passes is always a beginning of a legal message") {
  for (std::size_t size = 1; size <= 5; ++size)
    each_sequence(size, [&](const std::string& events) {
      const std::string first = passed(OrderedEvents(OrderedEvents::Side::request), events);
      const std::string second = passed(OrderedEvents(OrderedEvents::Side::response), events);
      if (!is_beginning(first, "", "q") || !is_beginning(second, "i", "f"))
        FAIL(events << ": " << first << ", " << second);
    });
}

TEST_CASE("legal messages pass whole") {
  for (const char* legal : {"qe", "qbbe", "qbte", "qte"})
    CHECK(passed(OrderedEvents(OrderedEvents::Side::request), legal) == legal);
  for (const char* legal : {"fe", "iifbbe", "ifbte", "fte"})
    CHECK(passed(OrderedEvents(OrderedEvents::Side::response), legal) == legal);
}

TEST_CASE("a tunnel's bytes follow a request that had ended, and end once") {
  OrderedEvents order(OrderedEvents::Side::request);
  Samples samples;
  CHECK(order.admit(samples.of('q')));
  CHECK(order.admit(samples.of('e')));
  CHECK_FALSE(order.admit(samples.of('b')));
  order.begin_tunnel();
  CHECK(order.admit(samples.of('b')));
  CHECK(order.admit(samples.of('e')));
  CHECK_FALSE(order.admit(samples.of('b')));
  CHECK_FALSE(order.admit(samples.of('e')));
}

TEST_CASE("after a reset a new message may begin") {
  OrderedEvents order(OrderedEvents::Side::response);
  Samples samples;
  CHECK(order.admit(samples.of('f')));
  CHECK_FALSE(order.admit(samples.of('f')));
  order.reset();
  CHECK(order.admit(samples.of('f')));
}
