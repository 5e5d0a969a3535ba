#include "proxy/config/written_nodes.h"

#include <fmt/format.h>

#include <algorithm>

#include "proxy/base/ascii.h"
#include "proxy/config/scalar.h"

namespace weir::config {

namespace {

bool is_letter_or_digit(char c) {
  return base::is_digit(c) || (base::lower(c) >= 'a' && base::lower(c) <= 'z');
}

// Whether it is a scalar wherever it stands, without quotes; YAML takes some more.
bool is_plain(std::string_view text) {
  constexpr std::string_view kSigns = "._:/-+$";
  return !text.empty() && is_letter_or_digit(text.front()) && text.back() != ':' &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter_or_digit(c) || kSigns.find(c) != kSigns.npos; });
}

// Doubles each of `doubled`, with `by` before it.
std::string escaped(std::string_view text, std::string_view doubled, char by) {
  std::string out;
  for (const char c : text) {
    if (doubled.find(c) != doubled.npos) out += by;
    out += c;
  }
  return out;
}

std::string quoted_word(std::string_view word, char quote) {
  return quote == 0 ? std::string(word) : fmt::format("{0}{1}{0}", quote, word);
}

// A file that is JSON shows it in this key; padding, and all about maps, is then the last map's.
NodeStyle style_of(Layout& layout, const Key& key, const Value& list) {
  NodeStyle style;
  style.key_quote = layout.quote(layout.lines().offset(key.at));
  style.padded = style.key_quote == 0;
  style.quote = style.key_quote;
  if (list.items.empty()) return style;
  const Value* last = list.items.back().get();
  const auto map = std::find_if(list.items.rbegin(), list.items.rend(), [](const ValuePtr& each) {
    return each->use != Value::Use::alias && each->kind == Value::Kind::map;
  });
  if (map != list.items.rend()) {
    style.maps = (*map)->style;
    style.key_quote = layout.quote(layout.lines().offset((*map)->keys.front().at));
    const std::size_t open = layout.content(**map);
    if (layout.at(open) == '{') style.padded = layout.at(open + 1) == ' ';
  }
  if (last->use == Value::Use::alias) return style;
  if (last->kind == Value::Kind::map) {
    const auto address = std::find_if(last->keys.begin(), last->keys.end(),
                                      [](const Key& each) { return each.text == "address"; });
    last = last->items[static_cast<std::size_t>(address - last->keys.begin())].get();
  }
  style.quote = layout.quote(layout.content(*last));
  return style;
}

}  // namespace

WrittenNodes::WrittenNodes(Layout& its_layout, const Key& its_key, const Value& its_list)
    : layout(its_layout), key(its_key), list(its_list), style(style_of(layout, key, list)) {}

std::vector<Member> differing(const Node& from, const Node& to) {
  std::vector<Member> members;
  if (to.weight != from.weight) members.push_back({"weight", std::to_string(to.weight), false});
  if (to.priority != from.priority) members.push_back({"priority", std::to_string(to.priority), false});
  if (to.backup != from.backup) members.push_back({"backup", to.backup ? "true" : "false", true});
  if (to.max_in_flight != from.max_in_flight)
    members.push_back({"max_in_flight", written_limit(to.max_in_flight), to.max_in_flight >= kAdaptive});
  if (to.max_connections != from.max_connections)
    members.push_back(
        {"max_connections", written_limit(to.max_connections), to.max_connections >= kAdaptive});
  if (to.state != from.state) members.push_back({"state", std::string(balancer::word(to.state)), true});
  return members;
}

std::string written(const Member& member, const NodeStyle& style) {
  return fmt::format("{}: {}", quoted_word(member.key, style.key_quote),
                     quoted_word(member.value, member.word ? style.key_quote : '\0'));
}

std::string written_behind(const std::vector<Member>& members, const NodeStyle& style) {
  std::string text;
  for (const Member& member : members) text += ", " + written(member, style);
  return text;
}

std::string map_begin(const NodeStyle& style) {
  return (style.padded ? "{ " : "{") + quoted_word("address", style.key_quote) + ": ";
}

std::string map_end(const NodeStyle& style) {
  return style.padded ? " }" : "}";
}

std::string written_scalar(std::string_view text, char quote) {
  if (quote == 0 && is_plain(text)) return std::string(text);
  if (quote == '\'') return "'" + escaped(text, "'", '\'') + "'";
  return '"' + escaped(text, "\"\\", '\\') + '"';
}

std::string written_address(const io::Address& address, char quote) {
  std::string text = address.text();
  for (std::size_t at = 0; (at = text.find("${", at)) != text.npos; at += 3) text.insert(at, 1, '$');
  return written_scalar(text, quote);
}

}  // namespace weir::config
