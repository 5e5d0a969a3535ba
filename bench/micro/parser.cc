// What HTTP/1.1 costs: heads of small and browser size read and written, whole and in pieces; bodies in
// chunks.
#include "proxy/codec/h1_parser.h"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string>

#include "proxy/codec/h1_body.h"
#include "proxy/codec/h1_writer.h"

using namespace weir::codec;

namespace {

const HeadLimits kLimits;

const std::string kSmall = "GET /index.html HTTP/1.1\r\nHost: a.test\r\nUser-Agent: wrk\r\n\r\n";

const std::string kBrowser =
    "GET /products/42?page=3&sort=price HTTP/1.1\r\nHost: www.shop.example.com\r\n"
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 "
    "Safari/537.36\r\n"
    "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8\r\n"
    "Accept-Language: en-GB,en;q=0.9,de;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    "Sec-CH-UA: \"Chromium\";v=\"126\", \"Not/A)Brand\";v=\"8\"\r\nSec-CH-UA-Mobile: "
    "?0\r\nSec-CH-UA-Platform: \"Linux\"\r\n"
    "Sec-Fetch-Dest: document\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-User: "
    "?1\r\n"
    "Upgrade-Insecure-Requests: 1\r\nReferer: https://www.shop.example.com/products/41\r\n"
    "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; basket=12%2C14%2C19; consent=all\r\n"
    "Cache-Control: max-age=0\r\nConnection: keep-alive\r\nPriority: u=0, i\r\n\r\n";

const std::string kResponse =
    "HTTP/1.1 200 OK\r\nServer: app\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Type: text/html; "
    "charset=utf-8\r\n"
    "Content-Length: 5120\r\nETag: \"0123456789abcdef\"\r\nCache-Control: private, max-age=60\r\nVary: "
    "Accept-Encoding\r\n\r\n";

void read_request(benchmark::State& state, const std::string& text) {
  weir::http::Request request;
  for (auto _ : state) {
    HeadScan scan;
    const auto size = scan.find_end(text, kLimits, HeadScan::Kind::request);
    benchmark::DoNotOptimize(parse_request(std::string_view(text).substr(0, *size), kLimits, request));
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * text.size()));
}
BENCHMARK_CAPTURE(read_request, small, kSmall);
BENCHMARK_CAPTURE(read_request, browser, kBrowser);

void read_response(benchmark::State& state) {
  weir::http::Response response;
  for (auto _ : state) {
    HeadScan scan;
    const auto size = scan.find_end(kResponse, kLimits, HeadScan::Kind::response);
    benchmark::DoNotOptimize(parse_response(std::string_view(kResponse).substr(0, *size), kLimits, response));
  }
}
BENCHMARK(read_response);

// A head that comes byte by byte must cost no more than a few times what it costs whole.
void scan_byte_by_byte(benchmark::State& state) {
  for (auto _ : state) {
    HeadScan scan;
    for (std::size_t size = 1; size <= kBrowser.size(); ++size)
      benchmark::DoNotOptimize(
          scan.find_end(std::string_view(kBrowser).substr(0, size), kLimits, HeadScan::Kind::request));
  }
}
BENCHMARK(scan_byte_by_byte);

void write_request_head(benchmark::State& state, const std::string& text) {
  weir::http::Request request;
  if (!parse_request(text, kLimits, request)) return state.SkipWithError("the head is refused");
  Output out;
  for (auto _ : state) {
    out.clear();
    write_request(request, Framing::none, out);
    benchmark::DoNotOptimize(out.size());
  }
}
BENCHMARK_CAPTURE(write_request_head, small, kSmall);
BENCHMARK_CAPTURE(write_request_head, browser, kBrowser);

void write_response_head(benchmark::State& state) {
  weir::http::Response response;
  if (!parse_response(kResponse, kLimits, response)) return state.SkipWithError("the head is refused");
  Output out;
  for (auto _ : state) {
    out.clear();
    write_response(response, Framing::counted, Persistence::implied, out);
    benchmark::DoNotOptimize(out.size());
  }
}
BENCHMARK(write_response_head);

void read_chunks(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  std::string bytes;
  while (bytes.size() < 64 * 1024) {
    char line[24];
    std::snprintf(line, sizeof line, "%zx\r\n", size);
    bytes += line + std::string(size, 'x') + "\r\n";
  }
  bytes += "0\r\n\r\n";
  weir::http::Fields trailers;
  for (auto _ : state) {
    H1Body body;
    body.start(H1Body::Mode::chunked, 0, weir::base::Fault::upstream);
    for (std::string_view rest = bytes; !body.done();)
      rest.remove_prefix(body.next(rest, kLimits, trailers)->used);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * bytes.size()));
}
BENCHMARK(read_chunks)->Arg(16)->Arg(1024)->Arg(16 * 1024);

}  // namespace
