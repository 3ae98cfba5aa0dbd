// SPDX-License-Identifier: BSD-3-Clause
// The layout of the range that memory.h speaks of:
//
//   | device 0 | device 1 | … | virtual memory |   … and at the constant distance, the shadow of the whole
#pragma once

#include <cstdint>

namespace npu_sim {

struct AddressLayout {
  int devices = 0;
  uint64_t stride = 0;  // from one device to the next
  char* virtual_base = nullptr;
  uint64_t virtual_size = 0;
};
extern AddressLayout address_layout;

// Reserves the range, once, for `devices` of `bytes` each. An aclError with a message if the host refuses.
int reserve_address_space(int devices, uint64_t bytes);

// From the first device on: a host access to device memory says so on stderr before the process dies of
// SIGSEGV.
void install_fault_handler();

}  // namespace npu_sim
