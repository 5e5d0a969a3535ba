// Edits of nodes in texts of every layout. Each case is tried with both line endings, with a byte order mark,
// and with the last line not ended.
#include "proxy/config/node_edit.h"

#include <fmt/format.h>

#include <cstdlib>

#include "proxy/config/read.h"
#include "tests/unit/catch.h"

using namespace weir::config;
using weir::balancer::Operator;
using weir::io::Address;

namespace {

constexpr auto kActive = Operator::active, kDrain = Operator::drain, kDown = Operator::down;

// An edit, as a sentence: change("10.0.0.1:80").weight(3).
struct Edit : NodeEdit {
  Edit weight(std::uint32_t to) const {
    Edit edit = *this;
    return edit.NodeEdit::weight = to, edit;
  }
  Edit state(Operator to) const {
    Edit edit = *this;
    return edit.NodeEdit::state = to, edit;
  }
  Edit in(const std::string& name) const {
    Edit edit = *this;
    return edit.pool = name, edit;
  }
};

Edit made(NodeEdit::Kind kind, const char* address) {
  Edit edit;
  edit.kind = kind;
  edit.pool = "app";
  edit.address = *Address::parse(address);
  return edit;
}
Edit change(const char* address) {
  return made(NodeEdit::Kind::change, address);
}
Edit add(const char* address) {
  return made(NodeEdit::Kind::add, address);
}
Edit removal(const char* address) {
  return made(NodeEdit::Kind::remove, address);
}

std::string replaced(std::string text, const std::string& what, const std::string& by) {
  for (std::size_t at = 0; (at = text.find(what, at)) != text.npos; at += by.size())
    text.replace(at, what.size(), by);
  return text;
}

void check_once(const std::string& before, const Edit& edit, const std::string& after) {
  const auto edited = edit_node(before, "f.yaml", edit);
  INFO("before:\n" << before);
  if (!edited) FAIL("refused: " << edited.error().reason);
  CHECK(edited->text == after);
  CHECK(read_text(edited->text, "f.yaml").config == edited->config);
}

void check(const std::string& before, const Edit& edit, const std::string& after) {
  check_once(before, edit, after);
  check_once(replaced(before, "\n", "\r\n"), edit, replaced(after, "\n", "\r\n"));
  check_once("\xef\xbb\xbf" + before, edit, "\xef\xbb\xbf" + after);
  if (!before.ends_with('\n') || !after.ends_with('\n')) return;
  check_once(before.substr(0, before.size() - 1), edit, after.substr(0, after.size() - 1));
}

// The same where the text is what stands below pools: app: of a file.
void check_nodes(const std::string& before, const Edit& edit, const std::string& after) {
  check("pools:\n  app:\n" + before, edit, "pools:\n  app:\n" + after);
}

EditRefusal refusal(const std::string& text, const Edit& edit) {
  const auto edited = edit_node(text, "f.yaml", edit);
  INFO(text);
  if (edited) FAIL("not refused, but:\n" << edited->text);
  return edited.error();
}

using Kind = EditRefusal::Kind;

void check_refused(const std::string& text, const Edit& edit, Kind kind, const std::string& reason) {
  const EditRefusal refused = refusal(text, edit);
  INFO(text);
  CHECK(refused.kind == kind);
  CHECK(refused.reason == reason);
}

struct Case {
  const char* what;
  const char* before;
  Edit edit;
  const char* after;
};

void check_nodes(std::initializer_list<Case> cases) {
  for (const Case& each : cases) {
    INFO(each.what);
    check_nodes(each.before, each.edit, each.after);
  }
}

}  // namespace

TEST_CASE("a node that is an address becomes a map, in its own spelling") {
  const Edit edit = change("10.0.0.1:80").weight(3);
  check_nodes({
      {"in lines", "    nodes:\n      - 10.0.0.1:80\n      - b:1\n", edit,
       "    nodes:\n      - { address: 10.0.0.1:80, weight: 3 }\n      - b:1\n"},
      {"not indented below the key", "    nodes:\n    - b:1\n    - 10.0.0.1:80\n", edit,
       "    nodes:\n    - b:1\n    - { address: 10.0.0.1:80, weight: 3 }\n"},
      {"comments around and behind",
       "    nodes:  # all\n      # one\n      - 10.0.0.1:80\t# first, ü\n      # two\n", edit,
       "    nodes:  # all\n      # one\n      - { address: 10.0.0.1:80, weight: 3 }\t# first, ü\n      # "
       "two\n"},
      {"in brackets", "    nodes: [b:1, 10.0.0.1:80, c:1]\n", edit,
       "    nodes: [b:1, { address: 10.0.0.1:80, weight: 3 }, c:1]\n"},
      {"in brackets over lines", "    nodes: [\n      b:1,  # b\n      10.0.0.1:80  # a\n    ]\n", edit,
       "    nodes: [\n      b:1,  # b\n      { address: 10.0.0.1:80, weight: 3 }  # a\n    ]\n"},
      {"in quotes", "    nodes: [\"10.0.0.1:80\"]\n", edit,
       "    nodes: [{ address: \"10.0.0.1:80\", weight: 3 }]\n"},
      {"in single quotes", "    nodes:\n      - '10.0.0.1:80'\n", edit,
       "    nodes:\n      - { address: '10.0.0.1:80', weight: 3 }\n"},
      {"quotes with escapes", "    nodes:\n      - \"10.0.0\\x2e1:80\" # \"\n", edit,
       "    nodes:\n      - { address: \"10.0.0\\x2e1:80\", weight: 3 } # \"\n"},
      {"an anchor stays with the address", "    nodes:\n      - &a 10.0.0.1:80\n", edit,
       "    nodes:\n      - { address: &a 10.0.0.1:80, weight: 3 }\n"},
      {"a dash on a line of its own", "    nodes:\n      -   # here\n        10.0.0.1:80\n", edit,
       "    nodes:\n      -   # here\n        { address: 10.0.0.1:80, weight: 3 }\n"},
      {"far behind its dash", "    nodes:\n      -    10.0.0.1:80\n", edit,
       "    nodes:\n      -    { address: 10.0.0.1:80, weight: 3 }\n"},
      {"state", "    nodes:\n      - 10.0.0.1:80\n", change("10.0.0.1:80").state(kDrain),
       "    nodes:\n      - { address: 10.0.0.1:80, state: drain }\n"},
      {"both", "    nodes:\n      - 10.0.0.1:80\n", change("10.0.0.1:80").state(kDown).weight(1000),
       "    nodes:\n      - { address: 10.0.0.1:80, weight: 1000, state: down }\n"},
      {"both, one of which is so", "    nodes:\n      - 10.0.0.1:80\n",
       change("10.0.0.1:80").state(kDown).weight(1),
       "    nodes:\n      - { address: 10.0.0.1:80, state: down }\n"},
      {"as its neighbours are", "    nodes: [{address: b:1, weight: 2}, 10.0.0.1:80]\n", edit,
       "    nodes: [{address: b:1, weight: 2}, {address: 10.0.0.1:80, weight: 3}]\n"},
      {"key and value on one line", "    { nodes: [10.0.0.1:80], retry: { attempts: 1 } }\n", edit,
       "    { nodes: [{ address: 10.0.0.1:80, weight: 3 }], retry: { attempts: 1 } }\n"},
      {"an explicit key", "    ? nodes\n    : - 10.0.0.1:80\n", edit,
       "    ? nodes\n    : - { address: 10.0.0.1:80, weight: 3 }\n"},
      {"a tag that says nothing", "    nodes: [! 10.0.0.1:80]\n", edit,
       "    nodes: [{ address: ! 10.0.0.1:80, weight: 3 }]\n"},
  });
}

TEST_CASE("addresses of every kind are changed") {
  check_nodes({
      {"IPv6, which is in quotes", "    nodes:\n      - \"[::1]:80\"\n", change("[::1]:80").weight(2),
       "    nodes:\n      - { address: \"[::1]:80\", weight: 2 }\n"},
      {"IPv6 in another spelling", "    nodes: ['[0:0::0:1]:80']\n", change("[::1]:80").weight(2),
       "    nodes: [{ address: '[0:0::0:1]:80', weight: 2 }]\n"},
      {"a socket", "    nodes:\n      - unix:/run/a.sock\n", change("unix:/run/a.sock").weight(2),
       "    nodes:\n      - { address: unix:/run/a.sock, weight: 2 }\n"},
      {"a socket of which braces would take a part", "    nodes:\n      - unix:/run/{a},b\n",
       change("unix:/run/{a},b").weight(2),
       "    nodes:\n      - { address: \"unix:/run/{a},b\", weight: 2 }\n"},
      {"the same with an anchor", "    nodes:\n      - &s unix:/run/\"a\"],\\b # s\n",
       change("unix:/run/\"a\"],\\b").weight(2),
       "    nodes:\n      - { address: &s \"unix:/run/\\\"a\\\"],\\\\b\", weight: 2 } # s\n"},
      {"a value of two lines", "    nodes:\n      - unix:/run/a\n         b # x\n      - c:1\n",
       change("unix:/run/a b").weight(2),
       "    nodes:\n      - { address: unix:/run/a\n         b, weight: 2 } # x\n      - c:1\n"},
      {"a value that has a hash", "    nodes:\n      - unix:/run/a#b # x\n",
       change("unix:/run/a#b").weight(2), "    nodes:\n      - { address: unix:/run/a#b, weight: 2 } # x\n"},
      {"a host", "    nodes: [web.test:80]\n", change("web.test:80").state(kDrain),
       "    nodes: [{ address: web.test:80, state: drain }]\n"},
      {"other letters", "    nodes: [unix:/ä/ö, unix:/ü]\n", change("unix:/ü").weight(2),
       "    nodes: [unix:/ä/ö, { address: unix:/ü, weight: 2 }]\n"},
  });
}

TEST_CASE("a node that is a map gets another value, or one more key") {
  const Edit edit = change("10.0.0.1:80").weight(30);
  check_nodes({
      {"a value", "    nodes:\n      - { weight: 3, address: 10.0.0.1:80 }  # w\n", edit,
       "    nodes:\n      - { weight: 30, address: 10.0.0.1:80 }  # w\n"},
      {"back to what is understood", "    nodes:\n      - { address: 10.0.0.1:80, weight: 3 }\n",
       change("10.0.0.1:80").weight(1), "    nodes:\n      - { address: 10.0.0.1:80, weight: 1 }\n"},
      {"in quotes", "    nodes:\n      - { address: 10.0.0.1:80, weight: '3', state: \"drain\" }\n",
       change("10.0.0.1:80").weight(7).state(kActive),
       "    nodes:\n      - { address: 10.0.0.1:80, weight: '7', state: \"active\" }\n"},
      {"in lines",
       "    nodes:\n      - address: 10.0.0.1:80\n        weight: 3  # three\n        state: down\n", edit,
       "    nodes:\n      - address: 10.0.0.1:80\n        weight: 30  # three\n        state: down\n"},
      {"one key more in lines", "    nodes:\n      - address: 10.0.0.1:80  # a\n      # b\n      - b:1\n",
       edit, "    nodes:\n      - address: 10.0.0.1:80  # a\n        weight: 30\n      # b\n      - b:1\n"},
      {"two keys more in lines", "    nodes:\n    - address: 10.0.0.1:80\n", edit.state(kDown),
       "    nodes:\n    - address: 10.0.0.1:80\n      weight: 30\n      state: down\n"},
      {"one to change and one more", "    nodes:\n    - weight: 2\n      address: 10.0.0.1:80\n",
       edit.state(kDown), "    nodes:\n    - weight: 30\n      address: 10.0.0.1:80\n      state: down\n"},
      {"a dash on a line of its own", "    nodes:\n      -\n        address: 10.0.0.1:80\n", edit,
       "    nodes:\n      -\n        address: 10.0.0.1:80\n        weight: 30\n"},
      {"keys in quotes in lines", "    nodes:\n      - \"address\": 10.0.0.1:80\n", edit.state(kDown),
       "    nodes:\n      - \"address\": 10.0.0.1:80\n        \"weight\": 30\n        \"state\": \"down\"\n"},
      {"one key more in braces", "    nodes: [{ address: 10.0.0.1:80, state: drain }]\n", edit,
       "    nodes: [{ address: 10.0.0.1:80, state: drain, weight: 30 }]\n"},
      {"before a comma at the end", "    nodes: [{ address: 10.0.0.1:80, }, ]\n", edit,
       "    nodes: [{ address: 10.0.0.1:80, weight: 30, }, ]\n"},
      {"braces over lines", "    nodes:\n      - {\n          address: 10.0.0.1:80  # a\n        }  # b\n",
       edit, "    nodes:\n      - {\n          address: 10.0.0.1:80, weight: 30  # a\n        }  # b\n"},
      {"JSON's keys", "    nodes: [{\"address\":\"10.0.0.1:80\"}]\n", edit.state(kDrain),
       "    nodes: [{\"address\":\"10.0.0.1:80\", \"weight\": 30, \"state\": \"drain\"}]\n"},
      {"a map without braces", "    nodes: [address: 10.0.0.1:80, b:1]\n", edit,
       "    nodes: [{ address: 10.0.0.1:80, weight: 30 }, b:1]\n"},
      {"anchors that nothing uses", "    nodes:\n      - &m { address: &a 10.0.0.1:80, weight: &w 3 }\n",
       edit, "    nodes:\n      - &m { address: &a 10.0.0.1:80, weight: &w 30 }\n"},
      {"an anchor before lines", "    nodes: &n\n      - &m\n        address: 10.0.0.1:80\n", edit,
       "    nodes: &n\n      - &m\n        address: 10.0.0.1:80\n        weight: 30\n"},
      {"the value on the line below",
       "    nodes:\n      - address: 10.0.0.1:80\n        weight:  # w\n          3\n", edit,
       "    nodes:\n      - address: 10.0.0.1:80\n        weight:  # w\n          30\n"},
      {"an address of a block", "    nodes:\n      - address: >-  # a\n          10.0.0.1:80\n      - b:1\n",
       edit,
       "    nodes:\n      - address: >-  # a\n          10.0.0.1:80\n        weight: 30\n      - b:1\n"},
  });
}

TEST_CASE("an edit that changes nothing leaves the text as it was") {
  for (const char* text : {"    nodes: [10.0.0.1:80]\n", "    nodes:\n      - address: 10.0.0.1:80\n",
                           "    nodes: [{ weight: 1, address: 10.0.0.1:80, state: active }]\n"}) {
    check_nodes(text, change("10.0.0.1:80"), text);
    check_nodes(text, change("10.0.0.1:80").weight(1), text);
    check_nodes(text, change("10.0.0.1:80").weight(1).state(kActive), text);
  }
}

TEST_CASE("a node is added with its tier and its limit") {
  Edit far = add("10.0.0.9:80").weight(2), spare = add("10.0.0.9:80"), usual = spare;
  far.priority = 3;
  far.max_in_flight = 20;
  spare.backup = true;
  spare.max_in_flight = kAdaptive;
  usual.priority = 0;
  usual.backup = false;
  usual.max_in_flight = kUnlimited;
  check_nodes({
      {"a priority", "    nodes:\n      - a:1\n", far,
       "    nodes:\n      - a:1\n      - { address: 10.0.0.9:80, weight: 2, priority: 3, max_in_flight: 20 "
       "}\n"},
      {"a backup", "    nodes: [a:1]\n", spare,
       "    nodes: [a:1, { address: 10.0.0.9:80, backup: true, max_in_flight: adaptive }]\n"},
      {"in lines", "    nodes:\n      - address: a:1\n", spare,
       "    nodes:\n      - address: a:1\n      - address: 10.0.0.9:80\n        backup: true\n"
       "        max_in_flight: adaptive\n"},
      {"what goes without saying", "    nodes: [a:1]\n", usual, "    nodes: [a:1, 10.0.0.9:80]\n"},
  });
}

TEST_CASE("a node's tier and limits are changed") {
  Edit spare = change("10.0.0.1:80"), near = spare, limited = spare, free = spare;
  spare.backup = true;
  near.priority = 2;
  limited.max_in_flight = 20;
  limited.max_connections = 9;
  free.max_in_flight = kAdaptive;
  free.max_connections = kUnlimited;
  check_nodes({
      {"limits", "    nodes: [10.0.0.1:80]\n", limited,
       "    nodes: [{ address: 10.0.0.1:80, max_in_flight: 20, max_connections: 9 }]\n"},
      {"other limits", "    nodes:\n      - { address: 10.0.0.1:80, max_in_flight: 3, max_connections: 9 }\n",
       free,
       "    nodes:\n      - { address: 10.0.0.1:80, max_in_flight: adaptive, max_connections: unlimited }\n"},
      {"words of JSON", "    nodes: [{\"address\":\"10.0.0.1:80\", \"max_in_flight\": 3}]\n", free,
       "    nodes: [{\"address\":\"10.0.0.1:80\", \"max_in_flight\": \"adaptive\"}]\n"},
      {"a priority", "    nodes:\n      - 10.0.0.1:80\n", near,
       "    nodes:\n      - { address: 10.0.0.1:80, priority: 2 }\n"},
      {"a backup has no priority", "    nodes:\n      - { address: 10.0.0.1:80, priority: 3 }\n", spare,
       "    nodes:\n      - { address: 10.0.0.1:80, priority: 0, backup: true }\n"},
      {"what has a priority is no backup", "    nodes:\n      - { address: 10.0.0.1:80, backup: true }\n",
       near, "    nodes:\n      - { address: 10.0.0.1:80, backup: false, priority: 2 }\n"},
  });
  spare.priority = 1;
  check_refused("pools:\n  app: { nodes: [10.0.0.1:80] }\n", spare, Kind::invalid,
                "a backup comes after all other nodes, whatever its priority; leave priority out");
}

TEST_CASE("a node is added behind the others, written as they are") {
  const Edit edit = add("10.0.0.9:80"), heavy = edit.weight(9).state(kDrain);
  check_nodes({
      {"in lines", "    nodes:\n      - a:1\n    retry: { attempts: 1 }\n", edit,
       "    nodes:\n      - a:1\n      - 10.0.0.9:80\n    retry: { attempts: 1 }\n"},
      {"not indented, far from the dash",
       "    nodes:\n    -   a:1  # a\n    # what follows\n    retry: { attempts: 1 }\n", edit,
       "    nodes:\n    -   a:1  # a\n    -   10.0.0.9:80\n    # what follows\n    retry: { attempts: 1 }\n"},
      {"behind a map in lines", "    nodes:\n      - address: a:1\n        weight: 2\n", edit,
       "    nodes:\n      - address: a:1\n        weight: 2\n      - 10.0.0.9:80\n"},
      {"a map in lines", "    nodes:\n      -  address: a:1\n         weight: 2\n      - b:1\n", heavy,
       "    nodes:\n      -  address: a:1\n         weight: 2\n      - b:1\n      - address: 10.0.0.9:80\n"
       "        weight: 9\n        state: drain\n"},
      {"a map in braces", "    nodes:\n      - {address: a:1}\n      - 'b:1'\n", heavy,
       "    nodes:\n      - {address: a:1}\n      - 'b:1'\n      - {address: '10.0.0.9:80', weight: 9, "
       "state: drain}\n"},
      {"a map where none is", "    nodes:\n      - a:1\n", heavy,
       "    nodes:\n      - a:1\n      - { address: 10.0.0.9:80, weight: 9, state: drain }\n"},
      {"a map in lines with keys in quotes", "    nodes:\n      - 'address': a:1\n", heavy,
       "    nodes:\n      - 'address': a:1\n      - 'address': 10.0.0.9:80\n        'weight': 9\n        "
       "'state': 'drain'\n"},
      {"a dash on a line of its own", "    nodes:\n      -\n        a:1\n", edit,
       "    nodes:\n      -\n        a:1\n      - 10.0.0.9:80\n"},
      {"in brackets", "    nodes: [a:1]  # c\n", edit, "    nodes: [a:1, 10.0.0.9:80]  # c\n"},
      {"in brackets without spaces", "    nodes: [\"a:1\",\"b:1\"]\n", edit,
       "    nodes: [\"a:1\",\"b:1\",\"10.0.0.9:80\"]\n"},
      {"before a comma at the end", "    nodes: [ a:1, ]\n", edit, "    nodes: [ a:1, 10.0.0.9:80, ]\n"},
      {"to none", "    nodes: []  # none\n", edit, "    nodes: [10.0.0.9:80]  # none\n"},
      {"to none, with spaces", "    nodes: [ ]\n", heavy,
       "    nodes: [ { address: 10.0.0.9:80, weight: 9, state: drain } ]\n"},
      {"brackets over lines", "    nodes: [\n      a:1,  # a\n      b:1   # b\n      # none\n    ]\n", edit,
       "    nodes: [\n      a:1,  # a\n      b:1,   # b\n      10.0.0.9:80\n      # none\n    ]\n"},
      {"brackets over lines, commas at ends", "    nodes: [\n      a:1,\n      b:1,  # b\n    ]\n", edit,
       "    nodes: [\n      a:1,\n      b:1,  # b\n      10.0.0.9:80,\n    ]\n"},
      {"brackets over lines, commas at begins", "    nodes: [ a:1\n           , b:1\n           ]\n", edit,
       "    nodes: [ a:1\n           , b:1, 10.0.0.9:80\n           ]\n"},
      {"the last one shares its line", "    nodes: [\n      a:1,\n      b:1 ]\n", edit,
       "    nodes: [\n      a:1,\n      b:1, 10.0.0.9:80 ]\n"},
      {"IPv6 needs quotes", "    nodes:\n      - a:1\n", add("[::1]:80").weight(2),
       "    nodes:\n      - a:1\n      - { address: \"[::1]:80\", weight: 2 }\n"},
      {"so does much that a path may hold", "    nodes: ['a:1']\n", add("unix:/it's \"${X}\""),
       "    nodes: ['a:1', 'unix:/it''s \"$${X}\"']\n"},
      {"and without a model", "    nodes: []\n", add("unix:/a \"b\", \\${X}"),
       "    nodes: [\"unix:/a \\\"b\\\", \\\\$${X}\"]\n"},
      {"behind an alias", "    nodes: [&a a:1, {address: b:1}, {address: c:1}]\n", edit,
       "    nodes: [&a a:1, {address: b:1}, {address: c:1}, 10.0.0.9:80]\n"},
  });
}

TEST_CASE("a node that is removed takes its lines and what stands behind it there") {
  const Edit edit = removal("10.0.0.1:80");
  check_nodes({
      {"a line", "    nodes:\n      # one\n      - 10.0.0.1:80  # first\n      # two\n      - b:1\n", edit,
       "    nodes:\n      # one\n      # two\n      - b:1\n"},
      {"the last line", "    nodes:\n      - b:1 # b\n      - 10.0.0.1:80\n", edit,
       "    nodes:\n      - b:1 # b\n"},
      {"all lines of it",
       "    nodes:\n      - b:1\n      -\n        # of a\n        address: 10.0.0.1:80\n        weight: 3  # "
       "w\n      - c:1\n",
       edit, "    nodes:\n      - b:1\n      - c:1\n"},
      {"the only line", "    nodes:  # all\n      - 10.0.0.1:80\n    retry: { attempts: 1 }\n", edit,
       "    nodes: []  # all\n    retry: { attempts: 1 }\n"},
      {"the only line, not indented", "    nodes:\n    # none\n    - 10.0.0.1:80\n", edit,
       "    nodes: []\n    # none\n"},
      {"the only line of a list with an anchor",
       "    nodes: &n  # all\n      - 10.0.0.1:80\n    retry: { attempts: 1 }\n", edit,
       "    nodes: &n []  # all\n    retry: { attempts: 1 }\n"},
      {"the only line below a key in quotes", "    \"nodes\" :\n      - 10.0.0.1:80\n", edit,
       "    \"nodes\" : []\n"},
      {"the first in brackets", "    nodes: [10.0.0.1:80, b:1]\n", edit, "    nodes: [b:1]\n"},
      {"one in brackets", "    nodes: [a:1, 10.0.0.1:80, b:1]\n", edit, "    nodes: [a:1, b:1]\n"},
      {"the last in brackets", "    nodes: [ a:1, 10.0.0.1:80 ]\n", edit, "    nodes: [ a:1 ]\n"},
      {"the last in brackets with a comma", "    nodes: [a:1, 10.0.0.1:80, ]\n", edit,
       "    nodes: [a:1, ]\n"},
      {"the only one in brackets", "    nodes: [10.0.0.1:80]\n", edit, "    nodes: []\n"},
      {"the only one with spaces", "    nodes: [ { address: 10.0.0.1:80 } ]\n", edit, "    nodes: [ ]\n"},
      {"the only one with a comma", "    nodes: [ 10.0.0.1:80, ]\n", edit, "    nodes: [ ]\n"},
      {"a line in brackets", "    nodes: [\n      10.0.0.1:80,  # a\n      # b\n      b:1\n    ]\n", edit,
       "    nodes: [\n      # b\n      b:1\n    ]\n"},
      {"the last line in brackets", "    nodes: [\n      b:1,  # b\n      10.0.0.1:80  # a\n    ]\n", edit,
       "    nodes: [\n      b:1  # b\n    ]\n"},
      {"the last line in brackets with a comma",
       "    nodes: [\n      b:1,\n      {\n        address: 10.0.0.1:80,\n      },\n    ]\n", edit,
       "    nodes: [\n      b:1,\n    ]\n"},
      {"the only line in brackets", "    nodes: [\n      10.0.0.1:80\n    ]\n", edit,
       "    nodes: [\n    ]\n"},
      {"a line that begins with its comma", "    nodes: [ a:1\n      , 10.0.0.1:80  # c\n      , b:1 ]\n",
       edit, "    nodes: [ a:1\n      , b:1 ]\n"},
      {"at a line's end", "    nodes: [a:1, 10.0.0.1:80,\n            b:1, c:1]\n", edit,
       "    nodes: [a:1,\n            b:1, c:1]\n"},
      {"at a line's begin", "    nodes: [a:1, b:1,\n            10.0.0.1:80, c:1]\n", edit,
       "    nodes: [a:1, b:1,\n            c:1]\n"},
      {"alone before the bracket", "    nodes: [a:1, b:1,\n            10.0.0.1:80]\n", edit,
       "    nodes: [a:1, b:1\n]\n"},
      {"a comment before the comma", "    nodes: [a:1, 10.0.0.1:80 # c\n            , b:1]\n", edit,
       "    nodes: [a:1 # c\n            , b:1]\n"},
      {"the first, with a comment before the comma", "    nodes: [10.0.0.1:80 # c\n            , b:1]\n",
       edit, "    nodes: [ # c\n             b:1]\n"},
  });
}

TEST_CASE("JSON stays JSON") {
  const std::string begin = "{\"workers\": 2, \"pools\": {\"app\": {\"nodes\": [", end = "]}}}\n";
  const std::string two = "\"10.0.0.1:80\", {\"address\": \"10.0.0.2:80\", \"weight\": 2}";
  check(begin + two + end, change("10.0.0.1:80").weight(3),
        begin +
            "{\"address\": \"10.0.0.1:80\", \"weight\": 3}, {\"address\": \"10.0.0.2:80\", \"weight\": 2}" +
            end);
  check(begin + two + end, change("10.0.0.2:80").state(kDown),
        begin + "\"10.0.0.1:80\", {\"address\": \"10.0.0.2:80\", \"weight\": 2, \"state\": \"down\"}" + end);
  check(begin + two + end, add("[::1]:80"), begin + two + ", \"[::1]:80\"" + end);
  check(begin + two + end, removal("10.0.0.2:80"), begin + "\"10.0.0.1:80\"" + end);
  check(begin + end, add("10.0.0.1:80"), begin + "\"10.0.0.1:80\"" + end);
  check(begin + end, add("10.0.0.1:80").weight(2),
        begin + "{\"address\": \"10.0.0.1:80\", \"weight\": 2}" + end);
  check("{\n  \"pools\": {\n    \"app\": {\n      \"nodes\": [\n        \"a:1\"\n      ]\n    }\n  }\n}\n",
        add("b:1"),
        "{\n  \"pools\": {\n    \"app\": {\n      \"nodes\": [\n        \"a:1\",\n        \"b:1\"\n      ]\n "
        "   }\n  }\n}\n");
}

TEST_CASE("an alias that stands for other nodes of the list does not matter") {
  const std::string one =
      "pools:\n  one: { nodes: [&a a:1, &b { address: b:1, weight: 2 }] }\n  app:\n    nodes: ";
  const std::string routes = "routes:\n  - pool: app\n";
  check(one + "[*a , c:1, *b ]\n" + routes, change("c:1").weight(2),
        one + "[*a , { address: c:1, weight: 2 }, *b ]\n" + routes);
  check(one + "[*a , c:1, *b ]\n" + routes, add("d:1"), one + "[*a , c:1, *b, d:1 ]\n" + routes);
  check(one + "\n      - *a\n      - c:1\n" + routes, removal("c:1"), one + "\n      - *a\n" + routes);
  check(one + "\n      - *a\n      - c:1\n" + routes, removal("a:1"), one + "\n      - c:1\n" + routes);
  check(one + "[*a ]\n" + routes, change("a:1").weight(2).in("one"),
        replaced(one, "&a a:1", "{ address: &a a:1, weight: 2 }") + "[*a ]\n" + routes);
}

TEST_CASE("the environment's word stays where it is") {
  setenv("WEIR_TEST_NAME", "edge", 1);
  check_nodes({
      {"in lines", "    nodes:\n      - ${WEIR_TEST_NAME}:80\n", change("edge:80").weight(2),
       "    nodes:\n      - { address: \"${WEIR_TEST_NAME}:80\", weight: 2 }\n"},
      {"a neighbour's", "    nodes:\n      - ${WEIR_TEST_NAME}:80  # e\n      - a:1\n", removal("a:1"),
       "    nodes:\n      - ${WEIR_TEST_NAME}:80  # e\n"},
      {"a list's last", "    nodes: ['${WEIR_TEST_NAME}:80']\n", add("a:1"),
       "    nodes: ['${WEIR_TEST_NAME}:80', 'a:1']\n"},
  });
}

TEST_CASE("what is edited elsewhere is refused, with the way there") {
  setenv("WEIR_TEST_WORKERS", "3", 1);
  setenv("WEIR_TEST_NAME", "edge", 1);
  const std::string pool = "pools:\n  app:\n    nodes: ";
  check_refused(
      pool + "[{ address: a:1, weight: \"${WEIR_TEST_WORKERS}\" }]\n", change("a:1").weight(2),
      Kind::conflict,
      "the node a:1 of the pool app: its weight is \"${WEIR_TEST_WORKERS}\", which the environment says; "
      "change it there, or write it into the file");
  check_refused(pool + "[\"${WEIR_TEST_NAME}:1\"]\n", removal("edge:1"), Kind::conflict,
                "the node edge:1 of the pool app: the file has \"${WEIR_TEST_NAME}:1\" there, which the "
                "environment says; "
                "remove it by hand, or write it out");
  check_refused(
      "pools:\n  one: &p\n    nodes: [a:1]\n  app: *p\nroutes: [{ pool: app }, { pool: one }]\n",
      change("a:1").weight(2), Kind::conflict,
      "the nodes of the pool app are what an alias in f.yaml stands for, so that several places would "
      "change; write them out, or edit the file by hand");
}

TEST_CASE("whatever an alias stands for is not changed through it, nor through its anchor") {
  const std::string end = "routes: [{ pool: app }, { pool: one }]\n";
  for (const std::string pools :
       {"pools:\n  one: &p { nodes: [a:1] }\n  app: *p\n", "pools:\n  app: &p { nodes: [a:1] }\n  one: *p\n",
        "pools:\n  one: { nodes: &n [a:1] }\n  app: { nodes: *n }\n",
        "pools:\n  app: { nodes: &n [a:1] }\n  one: { nodes: *n }\n"})
    for (const Edit& edit : {change("a:1").weight(2), add("b:1"), removal("a:1")})
      CHECK(refusal(pools + end, edit).reason.find("several places would change") != std::string::npos);
  for (const std::string pools :
       {"pools:\n  one: { nodes: [&n a:1] }\n  app: { nodes: [*n ] }\n",
        "pools:\n  app: { nodes: [&n { address: a:1 }] }\n  one: { nodes: [*n ] }\n"})
    CHECK(refusal(pools + end, change("a:1").weight(2)).reason.find("several places would change") !=
          std::string::npos);
  for (const std::string pools :
       {"pools:\n  app: { nodes: [&n a:1] }\n  one: { nodes: [*n ] }\n",
        "pools:\n  app: { nodes: [{ address: &n a:1 }] }\n  one: { nodes: [*n ] }\n"})
    CHECK(refusal(pools + end, removal("a:1")).reason.find("an alias repeats it") != std::string::npos);
  check_refused("pools:\n  app: { nodes: [{ address: a:1, weight: &w 2 }, { address: b:1, weight: *w }] }\n",
                change("a:1").weight(3), Kind::conflict,
                "the node a:1 of the pool app: its weight is shared with other places of the file by an "
                "alias; write it "
                "out there first");
  CHECK(refusal("pools:\n  app: { nodes: [{ address: a:1, weight: &w 2 }, { address: b:1, weight: *w }] }\n",
                change("b:1").weight(3))
            .kind == Kind::conflict);
}

TEST_CASE("pools and nodes that are not there are not found, those that are there not added") {
  const std::string text = "pools:\n  app: { nodes: [a.test:80, 10.0.0.1:81] }\n";
  check_refused(text, change("a.test:80").in("ap"), Kind::not_found,
                "f.yaml has no pool \"ap\"; did you mean app?");
  check_refused(text, change("a.test:80").in("x"), Kind::not_found,
                "f.yaml has no pool \"x\"; the pools are app");
  check_refused(text, removal("10.0.0.2:81"), Kind::not_found,
                "f.yaml has no node 10.0.0.2:81 in the pool app; add it, or name one that is there");
  check_refused(
      text, change("10.0.0.2:80"), Kind::not_found,
      "f.yaml has no node 10.0.0.2:80 in the pool app; if it is what a.test:80 resolves to, edit that");
  check_refused(text, add("10.0.0.1:81"), Kind::conflict,
                "the pool app has the node 10.0.0.1:81 already; change that");
}

TEST_CASE("what no node may be is refused, and so is an edit of what is no configuration") {
  const std::string text = "pools:\n  app: { nodes: [a:80] }\n";
  check_refused(text, change("a:80").weight(0), Kind::invalid, "a node has no weight 0; allowed: 1 to 1000");
  check_refused(text, add("b:80").weight(1001), Kind::invalid,
                "a node has no weight 1001; allowed: 1 to 1000");
  check_refused(text, add("a:0"), Kind::invalid,
                "\"a:0\" is no node's address; allowed: HOST:PORT, [IPV6]:PORT or unix:/PATH");
  check_refused("pools:\n  app: { nodes: [a:80, a:80] }\n", change("a:80").weight(2), Kind::invalid,
                "the file is no valid configuration, so mend it first: f.yaml:2:24: pools.app.nodes[1]: the "
                "pool has this "
                "node already, on line 2; use weight for a larger share");
  check_refused("pools: [", add("a:80"), Kind::invalid,
                "the file is no valid configuration, so mend it first: f.yaml:1:9: not readable as YAML: "
                "did not find expected node content while parsing a flow node");
  CHECK(refusal("pools:\n  app:\n    nodes:\n", add("a:80")).kind == Kind::invalid);
  check_refused("pools:\n  app: { nodes: [a:80], health: { tcp: true, port: 9 } }\n", add("unix:/a"),
                Kind::conflict,
                "the edit would leave no valid configuration (f.yaml:2:61: pools.app.health.port: the node "
                "unix:/a is a "
                "unix socket, which has no port; leave it out); edit the file by hand");
}

TEST_CASE("a layout that cannot be edited is refused rather than damaged") {
  const std::string begin = "pools:\n  app:\n";
  const std::string reason =
      "f.yaml is laid out so that this node cannot be edited as text; edit the file by hand";
  check_refused(begin + "    nodes:\n      - >-\n        a:1\n", change("a:1").weight(2), Kind::conflict,
                reason);
  check_refused(begin + "    nodes:\n      - address: a:1\n        weight: |-  # w\n          2\n",
                change("a:1").weight(3), Kind::conflict, reason);
  check_refused(begin + "    ? nodes\n    : - a:1\n", removal("a:1"), Kind::conflict, reason);
  // The anchor goes with its key, so that the alias would stand for the one before.
  check_refused(
      "listeners: [{ address: 127.0.0.1:8080, name: &x app }]\n"
      "pools:\n  app: { nodes: [a:1] }\n  weight: { nodes: [{ address: b:1, &x weight: 2 }, c:1] }\n"
      "routes: [{ pool: *x }]\n",
      removal("b:1").in("weight"), Kind::conflict, reason);
}
