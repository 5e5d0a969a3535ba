// Where a command asks, how keys are read, and how an answer is put together from bytes.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "proxy/console/admin_address.h"
#include "proxy/console/answer_reader.h"
#include "proxy/console/key_reader.h"
#include "tests/unit/catch.h"

using namespace weir::console;

namespace {

std::string found(const AdminSources& sources) {
  const auto address = find_admin(sources);
  return address ? address->address.text() : "error: " + address.error();
}

// What a command makes of a file with this admin section.
std::string from_file(const std::string& admin) {
  const std::string path =
      std::filesystem::temp_directory_path() / ("weir-admin-" + std::to_string(getpid()));
  std::ofstream(path) << admin << "\npools: { app: { nodes: [127.0.0.1:1] } }\n";
  std::string text = found({.config = path, .environment = "127.0.0.1:7"});
  std::filesystem::remove(path);
  if (const auto at = text.find(path); at != text.npos) text.replace(at, path.size(), "FILE");
  return text;
}

using Kind = Key::Kind;

Key letter(char c) {
  return {Kind::character, c};
}

struct Answered {
  std::string why;
  bool done = false;
  int status = 0;
  std::string body;
};

// The answer in pieces of so many bytes, then the connection's end.
Answered answered(std::string_view bytes, std::size_t piece, std::size_t most = 1000) {
  AnswerReader reader(most);
  Answered made;
  while (!bytes.empty() && made.why.empty() && !reader.done()) {
    made.why = reader.take(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  if (made.why.empty() && !reader.done()) made.why = reader.take_end();
  made.done = reader.done();
  const AdminAnswer answer = reader.release();
  made.status = answer.status;
  made.body = answer.body;
  return made;
}

}  // namespace

TEST_CASE("the admin port is what is said first: --admin, --config, WEIR_ADMIN, the default") {
  CHECK(found({"127.0.0.1:1", "", "127.0.0.1:2"}) == "127.0.0.1:1");
  CHECK(found({"", "", "127.0.0.1:2"}) == "127.0.0.1:2");
  CHECK(found({}) == "127.0.0.1:9901");
  CHECK(found({"http://weir.internal:9901/", "", ""}) == "weir.internal:9901");
  CHECK(found({"[::1]:9901", "", ""}) == "[::1]:9901");
  CHECK(found({"unix:/run/weir.sock", "", ""}) == "unix:/run/weir.sock");
  for (const char* bad : {"9901", "localhost", "https://a:1", "127.0.0.1:0", "http://a:1/x", "unix:x"})
    CHECK(found({bad, "", ""}) == "error: --admin: \"" + std::string(bad) +
                                      "\" is no address; write HOST:PORT, [IPV6]:PORT or unix:/PATH");
  CHECK(found({"", "", "x"}).starts_with("error: WEIR_ADMIN: "));
}

TEST_CASE("a configuration file says where its Weir is asked") {
  CHECK(from_file("") == "127.0.0.1:9901");
  CHECK(from_file("admin: { address: 10.0.0.1:99, token: 0123456789abcdef }") == "10.0.0.1:99");
  CHECK(from_file("admin: { address: 0.0.0.0:99, token: 0123456789abcdef }") == "127.0.0.1:99");
  CHECK(from_file("admin: { address: \"[::]:99\", token: 0123456789abcdef }") == "[::1]:99");
  CHECK(from_file("admin: { address: unix:/a }") == "unix:/a");
  CHECK(
      from_file("admin: { address: 127.0.0.1:0 }") ==
      "error: FILE: the admin port is any free one (port 0); say --admin with the one that Weir's log names");
  CHECK(from_file("admin: off") == "error: FILE: there is no admin port (admin: off), so nothing to ask");
  CHECK(from_file("admin: 5").starts_with("error: FILE:1:8: admin: "));
  CHECK(
      found({"", "/nowhere/weir.yaml", ""}) ==
      "error: /nowhere/weir.yaml: can't be read: No such file or directory; mend it, or say --admin ADDRESS");
}

TEST_CASE("the token is --token-file's, else the configuration's, else WEIR_TOKEN") {
  const std::string folder = std::filesystem::temp_directory_path();
  const std::string file = folder + "/weir-token-" + std::to_string(getpid());
  const std::string config = file + ".yaml", in_file = "in-the-file-0123456",
                    in_config = "in-the-config-0123", in_environment = "in-the-environment";
  std::ofstream(file) << in_file << "\n";
  std::ofstream(config) << "admin: { token: " << in_config
                        << " }\npools: { app: { nodes: [127.0.0.1:1] } }\n";
  const auto token = [](const AdminSources& sources) {
    const auto found = find_admin(sources);
    return found ? found->token : "error: " + found.error();
  };
  CHECK(token({.config = config, .token_file = file, .token = in_environment}) == in_file);
  CHECK(token({.config = config, .token = in_environment}) == in_config);
  CHECK(token({.token = in_environment}) == in_environment);
  CHECK(token({.admin = "127.0.0.1:1"}).empty());
  CHECK(token({.token = "short"}).starts_with("error: WEIR_TOKEN: is too short"));
  CHECK(token({.token = in_environment + "\r\nX: y"}).starts_with("error: WEIR_TOKEN: is no bearer token"));
  CHECK(token({.token_file = "/nowhere"}).starts_with("error: --token-file: /nowhere: can't be read"));
  std::filesystem::remove(file);
  std::filesystem::remove(config);
}

TEST_CASE("keys are read however their bytes arrive") {
  const std::string bytes =
      "a\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~\r\x7f\x03\x1a\x0c\x1b[1;5C\x1b[200~z\xc3\xa9\x01/";
  const std::vector<Key> expected = {letter('a'),       {Kind::up},        {Kind::down},    {Kind::page_up},
                                     {Kind::page_down}, {Kind::home},      {Kind::end},     {Kind::enter},
                                     {Kind::backspace}, {Kind::interrupt}, {Kind::suspend}, {Kind::redraw},
                                     letter('z'),       letter('/')};
  CHECK(KeyReader().read(bytes) == expected);
  KeyReader reader;
  std::vector<Key> keys;
  for (char c : bytes)
    for (const Key& key : reader.read({&c, 1})) keys.push_back(key);
  CHECK(keys == expected);
  CHECK_FALSE(reader.waiting());
}

TEST_CASE("an escape alone is a key once nothing follows") {
  KeyReader reader;
  CHECK(reader.read("\x1b").empty());
  CHECK(reader.waiting());
  CHECK(reader.settle() == std::vector<Key>{{Kind::escape}});
  CHECK(reader.read("\x1bq") == std::vector<Key>{{Kind::escape}, letter('q')});
  CHECK(reader.read("\x1b[").empty());
  CHECK(reader.settle().empty());
  CHECK_FALSE(reader.waiting());
  CHECK(reader.read("\x1b[" + std::string(100, '1')).size() < 100);
}

TEST_CASE("answers are read in every framing and in any pieces") {
  for (std::size_t piece : {1, 2, 7, 1000})
    for (const char* text :
         {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
          "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 X\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
          "5\r\n\r\nhello",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nT: x\r\n\r\n",
          "HTTP/1.0 200 OK\r\n\r\nhello", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"}) {
      INFO(text << " by " << piece);
      const Answered answer = answered(text, piece);
      CHECK(answer.why.empty());
      CHECK(answer.done);
      CHECK(answer.status == 200);
      CHECK(answer.body == "hello");
    }
  CHECK(answered("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", 1).status == 404);
}

TEST_CASE("answers that are none, are cut or too large are refused") {
  const std::string no_http = "what answers there is no HTTP server", cut = "the answer was cut off";
  for (std::size_t piece : {1, 1000}) {
    CHECK(answered("SSH-2.0-OpenSSH\r\n\r\n", piece).why == no_http);
    CHECK(answered("HTTP/1.1 101 X\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", piece).why == no_http);
    CHECK(answered("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", piece).why == no_http);
    CHECK(answered("", piece).why == cut);
    CHECK(answered("HTTP/1.1 200 OK\r\n", piece).why == cut);
    CHECK(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", piece).why == cut);
    CHECK(answered("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", piece, 4).why ==
          "the answer is too large");
    CHECK(answered("HTTP/1.1 200 OK\r\n\r\nhello", piece, 4).why == "the answer is too large");
  }
  CHECK(answered(std::string(200'000, 'x'), 1000).why == no_http);
}
