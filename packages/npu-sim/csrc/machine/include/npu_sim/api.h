// SPDX-License-Identifier: BSD-3-Clause
#pragma once

// What libnpusim exports to the other libraries of this wheel. It is no stable ABI: they are built together.
#define NPU_SIM_API __attribute__((visibility("default")))
