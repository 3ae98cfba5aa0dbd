// SPDX-License-Identifier: BSD-3-Clause
#include "hccl.h"

#include <string_view>

NPU_PLUGIN(0)

namespace npu::dist {
namespace {

constexpr const char* kLibrary = "libhccl.so";

Hccl look_up() {
  Hccl table;
#define NPU_DIST_FIND(name) \
  table.name = reinterpret_cast<decltype(&::name)>(core().cann_symbol(kLibrary, #name));
#define NPU_DIST_REQUIRE(name)                                                                      \
  NPU_DIST_FIND(name)                                                                               \
  TORCH_CHECK_NOT_IMPLEMENTED(table.name, "the backend hccl needs " #name " of ", kLibrary,         \
                              ", and the CANN that npu-core uses has no such library or function: " \
                              "install a CANN with HCCL (see `npu doctor`)");
  NPU_DIST_HCCL_REQUIRED(NPU_DIST_REQUIRE)
  NPU_DIST_HCCL_OPTIONAL(NPU_DIST_FIND)
#undef NPU_DIST_REQUIRE
#undef NPU_DIST_FIND
  return table;
}

const char* name_of(HcclResult result) {
  static constexpr const char* kNames[] = {"HCCL_SUCCESS",
                                           "HCCL_E_PARA",
                                           "HCCL_E_PTR",
                                           "HCCL_E_MEMORY",
                                           "HCCL_E_INTERNAL",
                                           "HCCL_E_NOT_SUPPORT",
                                           "HCCL_E_NOT_FOUND",
                                           "HCCL_E_UNAVAIL",
                                           "HCCL_E_SYSCALL",
                                           "HCCL_E_TIMEOUT",
                                           "HCCL_E_OPEN_FILE_FAILURE",
                                           "HCCL_E_TCP_CONNECT",
                                           "HCCL_E_ROCE_CONNECT",
                                           "HCCL_E_TCP_TRANSFER",
                                           "HCCL_E_ROCE_TRANSFER",
                                           "HCCL_E_RUNTIME",
                                           "HCCL_E_DRV",
                                           "HCCL_E_PROFILING",
                                           "HCCL_E_CCE",
                                           "HCCL_E_NETWORK",
                                           "HCCL_E_AGAIN",
                                           "HCCL_E_REMOTE",
                                           "HCCL_E_SUSPENDING",
                                           "HCCL_E_OPRETRY_FAIL",
                                           "HCCL_E_OOM"};
  return static_cast<size_t>(result) < std::size(kNames) ? kNames[static_cast<size_t>(result)] : "HcclResult";
}

bool is_ascend_950() {
  const char* soc = core().soc_name();
  return soc && std::string_view(soc).starts_with("Ascend950");
}

}  // namespace

const Hccl& hccl() {
  static const Hccl table = look_up();  // a failed look-up is tried again
  return table;
}

std::string describe(HcclResult result) {
  static const auto recent =
      reinterpret_cast<const char* (*)()>(core().cann_symbol("libascendcl.so", "aclGetRecentErrMsg"));
  const char* message = recent ? recent() : nullptr;
  std::string text = std::string(name_of(result)) + " (" + std::to_string(result) + ")";
  return message && *message ? text + ": " + message : text;
}

Wire wire_of(c10::ScalarType dtype) {
  switch (dtype) {
    case c10::kFloat:
      return {HCCL_DATA_TYPE_FP32, 1};
    case c10::kHalf:
      return {HCCL_DATA_TYPE_FP16, 1};
    case c10::kBFloat16:
      return {HCCL_DATA_TYPE_BFP16, 1};
    case c10::kDouble:
      return {HCCL_DATA_TYPE_FP64, 1};
    case c10::kLong:
      return {HCCL_DATA_TYPE_INT64, 1};
    case c10::kInt:
      return {HCCL_DATA_TYPE_INT32, 1};
    case c10::kShort:
      return {HCCL_DATA_TYPE_INT16, 1};
    case c10::kChar:
      return {HCCL_DATA_TYPE_INT8, 1};
    case c10::kByte:
    case c10::kBool:
    case c10::kFloat8_e4m3fn:  // moved as bytes: not every CANN knows the types of eight bits
    case c10::kFloat8_e5m2:
      return {HCCL_DATA_TYPE_UINT8, 1};
    case c10::kUInt16:
      return {HCCL_DATA_TYPE_UINT16, 1};
    case c10::kUInt32:
      return {HCCL_DATA_TYPE_UINT32, 1};
    case c10::kUInt64:
      return {HCCL_DATA_TYPE_UINT64, 1};
    case c10::kComplexFloat:
      return {HCCL_DATA_TYPE_FP32, 2};
    case c10::kComplexDouble:
      return {HCCL_DATA_TYPE_FP64, 2};
    default:
      TORCH_CHECK_TYPE(false, "the backend hccl has no type for ", dtype);
  }
}

Reduction reduction_of(const c10d::ReduceOp& op, c10::ScalarType dtype) {
  using c10d::ReduceOp;
  const ReduceOp::RedOpType kind = op;
  Reduction r{wire_of(dtype), HCCL_REDUCE_SUM, kind == ReduceOp::AVG};
  switch (kind) {
    case ReduceOp::SUM:
    case ReduceOp::AVG:
      break;
    case ReduceOp::PRODUCT:
      r.op = HCCL_REDUCE_PROD;
      break;
    case ReduceOp::MIN:
      r.op = HCCL_REDUCE_MIN;
      break;
    case ReduceOp::MAX:
      r.op = HCCL_REDUCE_MAX;
      break;
    default:
      TORCH_CHECK_VALUE(false, "the backend hccl reduces with SUM, AVG, PRODUCT, MIN and MAX only, found ",
                        kind == ReduceOp::PREMUL_SUM ? "PREMUL_SUM" : "a bitwise operation");
  }
  TORCH_CHECK_VALUE(!r.average || c10::isFloatingType(dtype),
                    "the backend hccl averages floating point only, found ", dtype,
                    ": reduce with SUM and divide");
  const bool sum = kind == ReduceOp::SUM;
  switch (dtype) {
    case c10::kFloat:
    case c10::kHalf:
    case c10::kBFloat16:
    case c10::kLong:
    case c10::kInt:
    case c10::kShort:
    case c10::kChar:
      return r;
    case c10::kBool:  // bytes of 0 and 1: any and all
      r.wire.type = HCCL_DATA_TYPE_INT8;
      r.op = sum || kind == ReduceOp::MAX ? HCCL_REDUCE_MAX : HCCL_REDUCE_MIN;
      return r;
    case c10::kByte:  // wraps around as int8 does
      r.wire.type = HCCL_DATA_TYPE_INT8;
      TORCH_CHECK_TYPE(sum || kind == ReduceOp::PRODUCT,
                       "the backend hccl has no MIN and MAX of uint8: use int16 or int32");
      return r;
    case c10::kComplexFloat:
      TORCH_CHECK_VALUE(sum, "the backend hccl reduces complex numbers with SUM only");
      return r;
    case c10::kDouble:
    case c10::kUInt64:
      TORCH_CHECK_TYPE(is_ascend_950(), "the backend hccl reduces ", dtype,
                       " on Ascend950 only, and this device is an ", core().soc_name(),
                       ": use float32 or int64");
      return r;
    default:
      TORCH_CHECK_TYPE(false, "the backend hccl cannot reduce ", dtype);
  }
}

}  // namespace npu::dist
