#include "npu_sim/traced_call.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "npu_sim/memory.h"
#include "npu_sim/watch.h"

namespace npu_sim {
namespace {

// Whether every byte belongs to a character: what a foreign pointer is read as often is none.
bool is_utf8(std::string_view s) {
  for (size_t i = 0; i < s.size();) {
    const auto c = static_cast<unsigned char>(s[i]);
    const size_t more = c < 0x80 ? 0 : c >> 5 == 6 ? 1 : c >> 4 == 14 ? 2 : c >> 3 == 30 ? 3 : 9;
    if (more > 3 || i + more >= s.size()) return false;
    for (size_t k = 1; k <= more; ++k)
      if ((static_cast<unsigned char>(s[i + k]) & 0xC0) != 0x80) return false;
    i += more + 1;
  }
  return true;
}

const char* direction(const void* dst, const void* src) {
  const bool to = is_device_address(dst), from = is_device_address(src);
  return from ? (to ? "device to device" : "device to host") : (to ? "host to device" : "host to host");
}

}  // namespace

std::string TracedCall::address(const void* p) {
  if (!p) return "null";
  char text[24];
  std::snprintf(text, sizeof text, "\"0x%llx\"",
                static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(p)));
  return text;
}

std::string TracedCall::quoted(const char* characters, uint64_t length) {
  if (!characters) return "null";
  const std::string_view given(characters, strnlen(characters, std::min(length, kLongestText)));
  if (is_utf8(given)) return json_text(given);
  std::string escaped;
  for (char c : given) {
    char code[8];
    std::snprintf(code, sizeof code, "\\x%02x", static_cast<unsigned char>(c));
    if (static_cast<unsigned char>(c) < 0x80)
      escaped += c;
    else
      escaped += code;
  }
  return json_text(escaped);
}

std::string TracedCall::number(double v) {
  const std::string object = Json().add("v", v).text();  // writes nan and inf as JSON can
  return object.substr(5, object.size() - 6);
}

TracedCall& TracedCall::text(const char* name, const char* characters, uint64_t length) {
  arguments_.raw(name, quoted(characters, length));
  return *this;
}

TracedCall& TracedCall::copy(aclrtMemcpyKind /*kind*/, const void* dst, const void* src) {
  if (succeeded_) direction_ = json_text(direction(dst, src));
  return *this;
}

TracedCall& TracedCall::copies(void* const* dsts, void* const* srcs, size_t count) {
  if (!succeeded_) return *this;
  for (size_t i = 0; i < count; ++i) direction_ += (i ? "," : "[") + json_text(direction(dsts[i], srcs[i]));
  direction_ += "]";
  return *this;
}

TracedCall::~TracedCall() {
  if (!trace_started()) return;
  Json line;
  line.add("call", name_).raw("arguments", arguments_.text());
  if (!direction_.empty()) line.raw("direction", direction_);
  if ((watching() & kWatchTiming) && succeeded_ && std::strncmp(name_, "aclrtEvent", 10) == 0)
    line.add("modelled", true);  // a time between events, or of one
  line.raw("answer", answer_);
  std::string text = line.text();
  text.pop_back();
  trace(text);
}

}  // namespace npu_sim
