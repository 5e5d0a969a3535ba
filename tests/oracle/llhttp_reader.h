// What llhttp, a parser that others wrote, reads in bytes: the messages in order, or why it stops. The oracle
// for what Weir writes.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::oracle {

struct Message {
  std::string method;  // requests
  std::string target;
  int status = 0;  // responses
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::pair<std::string, std::string>> trailers;
  std::string body;
  bool head_complete = false;
  bool complete = false;
};

struct Reading {
  std::vector<Message> messages;
  std::string error;  // "" if there was none
};

Reading read_requests(std::string_view bytes);
// What answers a request of `method`; a body of unknown length ends with the bytes.
Reading read_responses(std::string_view bytes, std::string_view method);

bool knows_method(std::string_view method);  // llhttp refuses methods that it has not heard of

}  // namespace weir::oracle
