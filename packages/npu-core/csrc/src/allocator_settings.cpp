// SPDX-License-Identifier: BSD-3-Clause
#include "allocator_settings.h"

#include <c10/util/Exception.h>

#include <array>
#include <cctype>
#include <charconv>
#include <string_view>
#include <vector>

namespace npu {

namespace {

enum class Value { kSize, kFraction, kPart, kFlag, kSizeOrList, kAny };

struct Key {
  std::string_view name;
  Value value;
  std::string_view torch = "";    // another name of it
  std::string_view refused = "";  // why a value other than `without` is refused
  std::string_view without = "";  // the value that asks for nothing
  bool as_is = false;             // every value is what npu-core does anyway, or changes no result
};

constexpr std::array<Key, 20> kKeys{{
    {"max_split_size_mb", Value::kSize},
    {"max_non_split_rounding_mb", Value::kSize},
    {"large_segment_size_mb", Value::kSize},
    {"garbage_collection_threshold", Value::kPart},
    {"roundup_power2_divisions", Value::kSizeOrList},
    {"pinned_use_background_threads", Value::kFlag},
    {"pinned_max_round_threshold_mb", Value::kSize},
    {"pinned_max_cached_size_mb", Value::kSize},
    {"expandable_segments", Value::kFlag},
    {"per_process_memory_fraction", Value::kFraction},
    {.name = "segment_size_mb", .value = Value::kSize, .torch = "large_segment_size_mb"},
    // CANN's allocations begin at pages of 2 MiB.
    {.name = "base_addr_aligned_kb", .value = Value::kSize, .as_is = true},
    // Blocks used on several streams are looked at with each request, which asks no event that did not pass.
    {.name = "multi_stream_lazy_reclaim", .value = Value::kFlag, .as_is = true},
    // Nothing that waits for the device happens under the lock.
    {.name = "release_lock_on_npumalloc", .value = Value::kFlag, .as_is = true},
    {.name = "page_size", .value = Value::kAny, .refused = "npu-core takes pages of 2 MiB"},
    {.name = "graph_capture_record_stream_reuse",
     .value = Value::kFlag,
     .refused = "a captured block that another stream used stays the graph's",
     .without = "False"},
    {.name = "pin_memory_expandable_segments",
     .value = Value::kFlag,
     .refused = "pinned memory is taken block by block",
     .without = "False"},
    {.name = "pinned_mem_register",
     .value = Value::kFlag,
     .refused = "pinned memory comes from aclrtMallocHost",
     .without = "False"},
    {.name = "pinned_reserve_segment_size_mb",
     .value = Value::kSize,
     .refused = "pinned memory is taken block by block",
     .without = "0"},
    {.name = "throw_on_npumalloc_oom",
     .value = Value::kFlag,
     .refused = "the cache is given back before a request fails",
     .without = "False"},
}};

std::string known_keys() {
  std::string names;
  for (const Key& key : kKeys) names.append(names.empty() ? "" : ", ").append(key.name);
  return names;
}

template <class T>
bool parse_number(std::string_view text, T& out) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

// [256:1,512:2,>:8]
bool is_list(std::string_view value) {
  if (value.size() < 2 || value.front() != '[' || value.back() != ']') return false;
  value = value.substr(1, value.size() - 2);
  for (;;) {
    const size_t comma = value.find(','), colon = value.find(':');
    size_t number = 0;
    const std::string_view size = value.substr(0, colon);
    if (colon >= comma || !(size == ">" || parse_number(size, number)) ||
        !parse_number(value.substr(colon + 1, comma == value.npos ? comma : comma - colon - 1), number))
      return false;
    if (comma == value.npos) return true;
    value.remove_prefix(comma + 1);
  }
}

// What `value` should have been, or nothing if it is fine.
const char* complaint(const Key& key, std::string_view value) {
  size_t size = 0;
  double fraction = 0;
  switch (key.value) {
    case Value::kSize:
      return parse_number(value, size) ? nullptr : "a whole number";
    case Value::kPart:
      return parse_number(value, fraction) && fraction > 0 && fraction < 1 ? nullptr
                                                                           : "a number between 0 and 1";
    case Value::kFraction:
      return parse_number(value, fraction) && fraction > 0 && fraction <= 1 ? nullptr
                                                                            : "a number above 0, up to 1";
    case Value::kFlag:
      return value == "True" || value == "False" ? nullptr : "True or False";
    case Value::kSizeOrList:
      return is_list(value) || parse_number(value, size) ? nullptr : "a whole number or [size:number,...]";
    case Value::kAny:
      return value.empty() ? "a value" : nullptr;
  }
  return nullptr;
}

// Splits at the commas outside brackets; white space is dropped.
std::vector<std::string> entries(const std::string& text) {
  std::vector<std::string> result(1);
  int depth = 0;
  for (char c : text) {
    if (std::isspace(static_cast<unsigned char>(c))) continue;
    depth += (c == '[') - (c == ']');
    if (c == ',' && depth == 0)
      result.emplace_back();
    else
      result.back() += c;
  }
  return result;
}

}  // namespace

AllocatorSettings parse_allocator_settings(const std::string& text, const char* variable) {
  AllocatorSettings settings;
  for (const std::string& entry : entries(text)) {
    if (entry.empty()) continue;
    size_t colon = entry.find(':');
    std::string_view name = std::string_view(entry).substr(0, colon);
    std::string_view value = colon == std::string::npos ? "" : std::string_view(entry).substr(colon + 1);
    const Key* key = nullptr;
    for (const Key& k : kKeys) {
      if (k.name == name) key = &k;
    }
    TORCH_CHECK_VALUE(key, variable, ": unknown key '", name, "'; npu-core knows ", known_keys());
    const char* wanted = complaint(*key, value);
    TORCH_CHECK_VALUE(!wanted, variable, ": ", name, " must be ", wanted ? wanted : "", ", found '", value,
                      "'");
    if (name == "per_process_memory_fraction") {
      parse_number(value, settings.memory_fraction.emplace());
      continue;
    }
    TORCH_CHECK_VALUE(key->refused.empty() || value == key->without, variable, ": ", entry,
                      " is not possible: ", key->refused, ". Leave ", name, " out.");
    if (key->as_is || !key->refused.empty()) continue;
    settings.torch.append(settings.torch.empty() ? "" : ",");
    settings.torch.append(key->torch.empty() ? name : key->torch).append(":").append(value);
  }
  return settings;
}

}  // namespace npu
