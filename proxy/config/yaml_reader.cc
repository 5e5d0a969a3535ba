#include "proxy/config/yaml_reader.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <map>
#include <new>
#include <optional>
#include <utility>

#include "proxy/config/environment.h"
#include "proxy/config/utf8.h"

namespace weir::config {

namespace {

std::string_view view(const yaml_char_t* text) {
  return text != nullptr ? reinterpret_cast<const char*>(text) : std::string_view();
}

// Finds places of the text, which is UTF-8, by what the library counts: characters. Cheap where one place
// follows another.
class Places {
 public:
  explicit Places(std::string_view text) : text_(text) {}

  Position at(const yaml_mark_t& mark) { return at_character(mark.index); }
  Position at_byte(std::size_t offset);
  // What stands at the last place that was asked for.
  char next() const { return offset_ < text_.size() ? text_[offset_] : '\0'; }

 private:
  Position at_character(std::size_t index);
  static bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xc0) == 0x80; }
  void forward();
  void back();

  std::string_view text_;
  std::size_t character_ = 0;  // how many stand before offset_
  std::size_t offset_ = 0;
  std::size_t line_begin_ = 0;
  int line_ = 1;
};

void Places::forward() {
  if (text_[offset_] == '\n') {
    ++line_;
    line_begin_ = offset_ + 1;
  }
  do ++offset_;
  while (offset_ < text_.size() && is_continuation(text_[offset_]));
  ++character_;
}

void Places::back() {
  do --offset_;
  while (is_continuation(text_[offset_]));
  --character_;
  if (text_[offset_] != '\n') return;
  --line_;
  const std::size_t before = text_.substr(0, offset_).rfind('\n');
  line_begin_ = before == std::string_view::npos ? 0 : before + 1;
}

Position Places::at_character(std::size_t index) {
  while (character_ < index && offset_ < text_.size()) forward();
  while (character_ > index) back();
  return {line_, static_cast<int>(offset_ - line_begin_) + 1};
}

Position Places::at_byte(std::size_t offset) {
  while (offset_ < std::min(offset, text_.size())) forward();
  while (offset_ > offset && character_ > 0) back();
  return at_character(character_);
}

// What keeps the text from being read on.
struct Failure {
  Position at;
  std::string what;
};

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  bool parse(yaml_parser_t& parser) { return yaml_parser_parse(&parser, &event_) != 0; }
  const yaml_event_t* operator->() const { return &event_; }

 private:
  yaml_event_t event_{};
};

class Parser {
 public:
  // The text outlives it.
  explicit Parser(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) throw std::bad_alloc();
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  bool next(Event& event) { return event.parse(parser_); }
  Failure failure(Places& places) const;

 private:
  yaml_parser_t parser_{};
};

Failure Parser::failure(Places& places) const {
  if (parser_.error == YAML_MEMORY_ERROR) throw std::bad_alloc();
  const std::string problem = fmt::format("not readable as YAML: {}", parser_.problem);
  if (parser_.error == YAML_READER_ERROR) return {places.at_byte(parser_.problem_offset), problem};
  const Position at = places.at(parser_.problem_mark);
  if (places.next() == '\t') return {at, "not readable as YAML: a tab does not indent; use spaces"};
  if (parser_.context == nullptr) return {at, problem};
  const Position begin = places.at(parser_.context_mark);
  if (begin == at) return {at, fmt::format("{} {}", problem, parser_.context)};
  return {at, fmt::format("{} {} that begins at {}:{}", problem, parser_.context, begin.line, begin.column)};
}

// Puts the library's events together; the innermost open list or map is the last of open_.
class TreeBuilder {
 public:
  enum class Wanted : std::uint8_t { values, written };

  TreeBuilder(std::string_view text, Report& report, Wanted wanted)
      : places_(text), report_(report), wanted_(wanted) {}

  ValuePtr root() const { return root_; }
  Places& places() { return places_; }
  // Why the text is to be read no further.
  std::optional<Failure> take(const Event& event);

 private:
  struct Open {
    std::shared_ptr<Value> value;
    std::string anchor;
  };

  static std::shared_ptr<Value> make(Value::Kind kind, Position at) {
    auto value = std::make_shared<Value>();
    value->kind = kind;
    value->at = at;
    return value;
  }
  std::optional<Failure> take_alias(Position at, std::string_view anchor);
  void take_scalar(Position at, const Event& event);
  std::optional<Failure> open(Value::Kind kind, Position at, bool flow, const yaml_char_t* anchor,
                              const yaml_char_t* tag);
  void close();
  void done(std::shared_ptr<Value> value, std::string_view anchor);
  void add_key(Value& map, const Value& key);
  void refuse_tag(Position at, const yaml_char_t* tag);
  bool key_is_due() const {
    return !open_.empty() && open_.back().value->kind == Value::Kind::map &&
           open_.back().value->keys.size() == open_.back().value->items.size();
  }

  Places places_;
  Report& report_;
  const Wanted wanted_;
  std::vector<Open> open_;
  std::map<std::string, std::shared_ptr<Value>, std::less<>> anchors_;
  ValuePtr root_;
  std::size_t expanded_ = 0;
};

std::optional<Failure> TreeBuilder::take(const Event& event) {
  const Position at = places_.at(event->start_mark);
  switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
      if (root_) return Failure{at, "a second document begins here; a file holds one"};
      return std::nullopt;
    case YAML_ALIAS_EVENT:
      return take_alias(at, view(event->data.alias.anchor));
    case YAML_SCALAR_EVENT:
      take_scalar(at, event);
      return std::nullopt;
    case YAML_SEQUENCE_START_EVENT: {
      const auto& list = event->data.sequence_start;
      return open(Value::Kind::list, at, list.style == YAML_FLOW_SEQUENCE_STYLE, list.anchor, list.tag);
    }
    case YAML_MAPPING_START_EVENT: {
      const auto& map = event->data.mapping_start;
      return open(Value::Kind::map, at, map.style == YAML_FLOW_MAPPING_STYLE, map.anchor, map.tag);
    }
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
      close();
      return std::nullopt;
    default:
      return std::nullopt;
  }
}

std::optional<Failure> TreeBuilder::take_alias(Position at, std::string_view anchor) {
  for (const Open& outer : open_)
    if (outer.anchor == anchor) return Failure{at, "an alias stands inside of its own anchor"};
  const auto found = anchors_.find(anchor);
  if (found == anchors_.end())
    return Failure{at, fmt::format("no anchor &{} stands before this alias", anchor)};
  expanded_ += found->second->size;
  if (expanded_ > kMaxAliasValues)
    return Failure{at, fmt::format("aliases expand to more than {} values", kMaxAliasValues)};
  if (wanted_ == Wanted::values) {
    done(found->second, {});
    return std::nullopt;
  }
  found->second->use = Value::Use::shared;
  auto value = std::make_shared<Value>(*found->second);
  value->use = Value::Use::alias;
  value->at = at;
  done(std::move(value), {});
  return std::nullopt;
}

bool is_null(yaml_scalar_style_t style, std::string_view text) {
  if (style != YAML_PLAIN_SCALAR_STYLE) return false;
  return text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL";
}

void TreeBuilder::take_scalar(Position at, const Event& event) {
  const auto& scalar = event->data.scalar;
  refuse_tag(at, scalar.tag);
  const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
  std::shared_ptr<Value> value;
  if (is_null(scalar.style, text)) {
    value = make(Value::Kind::null, at);
    // The library finds out that a value is missing only at what follows; its key is where an operator looks.
    if (text.empty() && !open_.empty() && open_.back().value->kind == Value::Kind::map && !key_is_due())
      value->at = open_.back().value->keys.back().at;
    return done(std::move(value), view(scalar.anchor));
  }
  value = make(Value::Kind::scalar, at);
  value->text = text;
  if (wanted_ == Wanted::values && !key_is_due()) {
    if (const std::string why = expand_environment(value->text); !why.empty()) {
      report_.error(value->at, "", why);
      value->kind = Value::Kind::bad;
    }
    if (value->text != text) value->source = Value::Source::environment;
  }
  done(std::move(value), view(scalar.anchor));
}

std::optional<Failure> TreeBuilder::open(Value::Kind kind, Position at, bool flow, const yaml_char_t* anchor,
                                         const yaml_char_t* tag) {
  if (open_.size() == kMaxNesting)
    return Failure{at, fmt::format("lists and maps are nested more than {} deep", kMaxNesting)};
  refuse_tag(at, tag);
  open_.push_back({make(kind, at), std::string(view(anchor))});
  if (flow) open_.back().value->style = Value::Style::flow;
  return std::nullopt;
}

void TreeBuilder::close() {
  Open closed = std::move(open_.back());
  open_.pop_back();
  done(std::move(closed.value), closed.anchor);
}

void TreeBuilder::done(std::shared_ptr<Value> value, std::string_view anchor) {
  if (!anchor.empty()) anchors_.insert_or_assign(std::string(anchor), value);
  if (open_.empty()) {
    root_ = std::move(value);
    return;
  }
  const bool is_key = key_is_due();
  Value& outer = *open_.back().value;
  outer.size += value->size;
  if (is_key) {
    add_key(outer, *value);
  } else {
    outer.items.push_back(std::move(value));
  }
}

void TreeBuilder::add_key(Value& map, const Value& key) {
  if (key.kind != Value::Kind::scalar) report_.error(key.at, "", "a key is not text; a key is a plain word");
  map.keys.push_back({key.text, key.at});
}

void TreeBuilder::refuse_tag(Position at, const yaml_char_t* tag) {
  if (!view(tag).empty() && view(tag) != "!")  // which says nothing
    report_.error(at, "", fmt::format("the tag {} has no meaning here; leave it out", view(tag)));
}

ValuePtr read_tree(std::string_view text, Report& report, TreeBuilder::Wanted wanted) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  TreeBuilder builder(text, report, wanted);
  Parser parser(text);
  for (bool ended = false; !ended;) {
    Event event;
    const std::optional<Failure> failure =
        parser.next(event) ? builder.take(event) : parser.failure(builder.places());
    if (failure) {
      report.error(failure->at, "", failure->what);
      return nullptr;
    }
    ended = event->type == YAML_STREAM_END_EVENT;
  }
  ValuePtr root = builder.root();
  if (!root || root->kind == Value::Kind::null) {
    report.error({1, 1}, "", "the file is empty; pools is required");
    return nullptr;
  }
  return root;
}

}  // namespace

ValuePtr read_yaml(std::string_view text, Report& report) {
  return read_tree(text, report, TreeBuilder::Wanted::values);
}

ValuePtr read_written(std::string_view text, Report& report) {
  return read_tree(text, report, TreeBuilder::Wanted::written);
}

}  // namespace weir::config
