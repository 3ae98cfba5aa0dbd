// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace npu_sim::mspti {

// Whether marks of a domain are recorded: all are until they are turned off by name.
void enable_domain(const std::string& name, bool on);
bool domain_enabled(const std::string& name);

}  // namespace npu_sim::mspti
