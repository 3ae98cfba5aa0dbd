// SPDX-License-Identifier: BSD-3-Clause
#include "bindings.h"
#include "npu/core/NPUCachingAllocator.h"
#include "npu/core/NPUFunctions.h"
#include "npu/core/error.h"

namespace npu::bindings {

namespace {

struct Properties {
  std::string name;
  int64_t major = 0;
  int64_t minor = 0;
  int64_t total_memory = 0;
  int64_t cube_core_num = 0;
  int64_t vector_core_num = 0;
  int64_t multi_processor_count = 0;
  int64_t l2_cache_size = 0;
  std::string uuid;
};

// An attribute of the device, 0 if this CANN does not tell.
int64_t attribute(DeviceIndex device, aclrtDevAttr attr) {
  int64_t value = 0;
  if (!cann().has_aclrtGetDeviceInfo || cann().aclrtGetDeviceInfo(device, attr, &value) != 0) return 0;
  return value;
}

Properties properties(DeviceIndex device) {
  check_device(device);
  Properties p;
  p.name = soc_name();
  int64_t arch = attribute(device, ACL_DEV_ATTR_NPU_ARCH);  // 2201 is 22.01
  p.major = arch / 100;
  p.minor = arch % 100;
  p.total_memory = attribute(device, ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE);
  if (p.total_memory == 0 && is_initialized()) {  // asking must not initialise, and so poison fork
    p.total_memory = static_cast<int64_t>(NPUCachingAllocator::get()->getMemoryInfo(device).second);
  }
  p.cube_core_num = attribute(device, ACL_DEV_ATTR_CUBE_CORE_NUM);
  p.vector_core_num = attribute(device, ACL_DEV_ATTR_VECTOR_CORE_NUM);
  p.multi_processor_count = attribute(device, ACL_DEV_ATTR_AICORE_CORE_NUM);
  if (p.multi_processor_count == 0) p.multi_processor_count = p.cube_core_num;
  p.l2_cache_size = attribute(device, ACL_DEV_ATTR_L2_CACHE_SIZE);
  aclrtUuid uuid;
  if (is_initialized() && cann().has_aclrtDeviceGetUuid && cann().aclrtDeviceGetUuid(device, &uuid) == 0)
    p.uuid.assign(uuid.bytes, sizeof uuid.bytes);
  return p;
}

std::string describe(const Properties& p) {
  return "_NPUDeviceProperties(name='" + p.name + "', total_memory=" + std::to_string(p.total_memory >> 20) +
         "MB, cube_core_num=" + std::to_string(p.cube_core_num) +
         ", vector_core_num=" + std::to_string(p.vector_core_num) +
         ", L2_cache_size=" + std::to_string(p.l2_cache_size >> 20) + "MB)";
}

int utilization(DeviceIndex device) {
  check_device(device);
  aclrtUtilizationInfo info{};
  bind_device(device);
  NPU_CHECK(cann().aclrtGetDeviceUtilizationRate(device, &info));
  return info.cubeUtilization;
}

}  // namespace

void add_devices(py::module_& m) {
  def(m, "device_count", [] { return static_cast<int>(device_count()); });
  def_py(m, "current_device", [] { return static_cast<int>(current_device()); });
  def(
      m, "set_device", [](DeviceIndex device) { set_device(device); }, py::arg("device"));
  def(
      m, "exchange_device", [](DeviceIndex device) { return static_cast<int>(exchange_device(device)); },
      py::arg("device"));
  def_py(
      m, "has_primary_context", [](DeviceIndex device) { return has_context(device); }, py::arg("device"));
  def(
      m, "synchronize", [](DeviceIndex device) { synchronize(device < 0 ? current_device() : device); },
      py::arg("device") = -1);
  def(
      m, "can_device_access_peer",
      [](DeviceIndex device, DeviceIndex peer) { return can_access_peer(device, peer); }, py::arg("device"),
      py::arg("peer"));
  def(m, "soc_name", [] { return std::string(soc_name()); });
  def(
      m, "supports_dtype", [](int dtype) { return supports_dtype(dtype); }, py::arg("dtype"));
  def(
      m, "utilization", [](DeviceIndex device) { return utilization(device); }, py::arg("device"));
  py::class_<Properties>(m, "DeviceProperties", py::is_final())
      .def_readonly("name", &Properties::name)
      .def_readonly("major", &Properties::major)
      .def_readonly("minor", &Properties::minor)
      .def_readonly("total_memory", &Properties::total_memory)
      .def_readonly("cube_core_num", &Properties::cube_core_num)
      .def_readonly("vector_core_num", &Properties::vector_core_num)
      .def_readonly("multi_processor_count", &Properties::multi_processor_count)
      .def_readonly("L2_cache_size", &Properties::l2_cache_size)
      .def_property_readonly("uuid", [](const Properties& p) { return py::bytes(p.uuid); })
      .def("__repr__", &describe);
  def(
      m, "device_properties", [](DeviceIndex device) { return properties(device); }, py::arg("device"));
}

}  // namespace npu::bindings
