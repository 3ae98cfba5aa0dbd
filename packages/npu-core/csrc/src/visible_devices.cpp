// SPDX-License-Identifier: BSD-3-Clause
#include "visible_devices.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <vector>

#include "npu/core/env.h"

namespace npu {

std::string visible_devices_complaint(int counted) {
  constexpr const char* kName = "ASCEND_RT_VISIBLE_DEVICES";
  const char* list = visible_devices();
  if (!list || !*list) return {};
  const auto complaint = [&](const std::string& what) {
    return std::string(kName) + "=" + list + ' ' + what + ": set device numbers with commas between, as in " +
           kName + "=0,1, each once and of a device that this machine has, or unset it";
  };
  std::vector<unsigned> seen;
  for (std::string_view rest = list;;) {
    const size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    const auto first = item.find_first_not_of(' ');
    item =
        first == item.npos ? std::string_view() : item.substr(first, item.find_last_not_of(' ') - first + 1);
    unsigned number = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), number);
    if (item.empty() || error != std::errc() || end != item.data() + item.size())
      return complaint("has an entry that is no device number, '" + std::string(item) + "'");
    if (std::find(seen.begin(), seen.end(), number) != seen.end())
      return complaint("names device " + std::to_string(number) + " twice");
    seen.push_back(number);
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (counted > 0 && counted < static_cast<int>(seen.size()))
    return complaint("names " + std::to_string(seen.size()) + " devices, of which CANN finds " +
                     std::to_string(counted));
  return {};
}

}  // namespace npu
