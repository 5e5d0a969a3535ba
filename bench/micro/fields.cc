// What fields cost: knowing a name, reading one, changing some, writing them out.
#include "proxy/http/fields.h"

#include <benchmark/benchmark.h>

#include <array>
#include <string>

using weir::http::FieldId;
using weir::http::Fields;

namespace {

constexpr std::array<std::string_view, 12> kNames = {
    "Host",       "user-agent",     "Accept", "Accept-Language", "cookie",        "Accept-Encoding",
    "Connection", "Sec-Fetch-Mode", "X-Own",  "X-Trace-Span",    "cache-control", "Content-Type"};

Fields browser() {
  Fields fields;
  for (std::string_view name : kNames) fields.add(name, "a value of about thirty bytes .");
  return fields;
}

void field_id_of_known(benchmark::State& state) {
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(weir::http::field_id(kNames[next]));
    next = next == 7 ? 0 : next + 1;
  }
}
BENCHMARK(field_id_of_known);

void field_id_of_unknown(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(weir::http::field_id("X-Trace-Span"));
}
BENCHMARK(field_id_of_unknown);

void fields_get(benchmark::State& state) {
  const Fields fields = browser();
  for (auto _ : state) benchmark::DoNotOptimize(fields.get(FieldId::content_type));
}
BENCHMARK(fields_get);

void fields_get_absent(benchmark::State& state) {
  const Fields fields = browser();
  for (auto _ : state) benchmark::DoNotOptimize(fields.get(FieldId::authorization));
}
BENCHMARK(fields_get_absent);

void fields_fill(benchmark::State& state) {
  Fields fields;
  for (auto _ : state) {
    fields.clear();
    for (std::string_view name : kNames) fields.add(name, "a value of about thirty bytes .");
    benchmark::DoNotOptimize(fields.size());
  }
}
BENCHMARK(fields_fill);

void fields_write(benchmark::State& state) {
  const Fields fields = browser();
  std::string out;
  for (auto _ : state) {
    out.clear();
    fields.for_each_piece([&](std::string_view piece) { out += piece; });
    benchmark::DoNotOptimize(out.data());
  }
}
BENCHMARK(fields_write);

}  // namespace
