#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include "npu_sim/faults.h"

namespace npu_sim {
namespace {

std::optional<int64_t> number(std::string_view s) {
  int64_t v = 0;
  auto [end, error] = std::from_chars(s.data(), s.data() + s.size(), v);
  if (error != std::errc{} || end != s.data() + s.size() || v < 0) return std::nullopt;
  return v;
}

// Takes what follows the last `mark` off `s`; null if there is none.
std::optional<std::string_view> take_after(std::string_view& s, char mark) {
  size_t at = s.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = s.substr(at + 1);
  s = s.substr(0, at);
  return rest;
}

std::optional<FaultRule> parse_rule(std::string_view s) {
  using Kind = FaultRule::Kind;
  FaultRule rule{};
  rule.text = s;
  if (auto device = take_after(s, '/')) {
    if (!device->starts_with("npu")) return std::nullopt;
    auto n = number(device->substr(3));
    if (!n) return std::nullopt;
    rule.device = static_cast<int>(*n);
  }
  if (auto nth = take_after(s, '@'); nth && *nth == "*") {
    rule.nth = 0;
  } else if (nth) {
    auto n = number(*nth);
    if (!n || *n == 0) return std::nullopt;
    rule.nth = static_cast<uint64_t>(*n);
  }
  if (auto name = take_after(s, ':')) rule.name = *name;
  auto ms = take_after(s, '=');
  constexpr std::pair<std::string_view, Kind> kKinds[] = {{"oom", Kind::oom},   {"aicore", Kind::aicore},
                                                          {"hang", Kind::hang}, {"copy", Kind::copy},
                                                          {"link", Kind::link}, {"slow", Kind::slow}};
  for (auto [name, kind] : kKinds) {
    if (s != name) continue;
    rule.kind = kind;
    if ((kind == Kind::slow) != ms.has_value()) return std::nullopt;
    if (!ms) return rule;
    auto n = number(*ms);
    if (!n) return std::nullopt;
    rule.milliseconds = static_cast<int>(*n);
    return rule;
  }
  return std::nullopt;
}

}  // namespace

bool parse_faults(const std::string& text, std::vector<FaultRule>* rules, std::string* error) {
  std::string_view rest = text;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    auto rule = parse_rule(rest.substr(0, comma));
    if (!rule) {
      *error = "rules such as oom@3, aicore:aclnnAdd@2, hang, copy@*, link/npu1 or slow=50@*, found '" +
               std::string(rest.substr(0, comma)) + "'";
      return false;
    }
    rules->push_back(std::move(*rule));
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
  }
  return true;
}

}  // namespace npu_sim
