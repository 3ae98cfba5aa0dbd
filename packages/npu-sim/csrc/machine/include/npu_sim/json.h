// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace npu_sim {

inline std::string json_text(std::string_view s) {
  std::string out = "\"";
  for (char c : s) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char code[8];
      std::snprintf(code, sizeof code, "\\u%04x", c);
      out += code;
    } else {
      out += c;
    }
  }
  return out + '"';
}

// One JSON object, written as it is built: Json().add("name", "x").add("n", 1).text() is {"name":"x","n":1}.
class Json {
 public:
  Json& add(const char* key, std::string_view value) { return raw(key, json_text(value)); }
  Json& add(const char* key, const char* value) { return raw(key, value ? json_text(value) : "null"); }
  Json& add(const char* key, int64_t value) { return raw(key, std::to_string(value)); }
  Json& add(const char* key, uint64_t value) { return raw(key, std::to_string(value)); }
  Json& add(const char* key, bool value) { return raw(key, value ? "true" : "false"); }
  Json& add(const char* key, double value) {
    if (!std::isfinite(value))
      return raw(key, std::isnan(value) ? "\"nan\"" : value > 0 ? "\"inf\"" : "\"-inf\"");
    char number[32];
    std::snprintf(number, sizeof number, "%.17g", value);
    return raw(key, number);
  }
  // `value` is JSON already.
  Json& raw(const char* key, std::string_view value) {
    text_ += text_.empty() ? "{" : ",";
    text_ += json_text(key);
    text_ += ':';
    text_ += value;
    return *this;
  }
  std::string text() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

}  // namespace npu_sim
