// What the SoC and the simulated CANN say about themselves.
#include <cstdio>
#include <cstring>
#include <string_view>

#include "abi.h"
#include "npu_sim/settings.h"
#include "npu_sim/soc.h"

using namespace npu_sim;

namespace {

// The version of the runtime's interface that npu-cann's headers state.
constexpr int32_t kMajor = 1, kMinor = 17, kPatch = 0;
// The CANN release whose behaviour the simulator follows.
constexpr const char* kCannVersion = "8.5.0";

int known(int64_t value, const char* what, int64_t* out) {
  if (value < 0)
    return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                std::string("the ") + what + " of " + soc().name + " is not known");
  *out = value;
  return 0;
}

int require_device_number(uint32_t id) {
  NPU_SIM_TRY(ready());
  if (id < static_cast<uint32_t>(device_count())) return 0;
  return fail(ACL_ERROR_RT_INVALID_DEVICEID, "device " + std::to_string(id) + " does not exist");
}

constexpr aclCannAttr kAttributes[] = {ACL_CANN_ATTR_INF_NAN, ACL_CANN_ATTR_BF16, ACL_CANN_ATTR_JIT_COMPILE};

}  // namespace

const char* aclrtGetSocName() { return ready() ? nullptr : soc().name; }

aclError aclrtGetDeviceInfo(uint32_t deviceId, aclrtDevAttr attr, int64_t* value) {
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(require_device_number(deviceId));
  const SocProfile& s = soc();
  switch (attr) {
    case ACL_DEV_ATTR_AICPU_CORE_NUM:
      return known(s.ai_cpus, "number of AI CPUs", value);
    case ACL_DEV_ATTR_AICORE_CORE_NUM:
      return known(s.ai_cores, "number of AI cores", value);
    case ACL_DEV_ATTR_CUBE_CORE_NUM:
      return known(s.cube_cores, "number of cube cores", value);
    case ACL_DEV_ATTR_VECTOR_CORE_NUM:
      return known(s.vector_cores, "number of vector cores", value);
    case ACL_DEV_ATTR_TOTAL_GLOBAL_MEM_SIZE:
      return known(static_cast<int64_t>(settings().hbm_bytes), "memory", value);
    case ACL_DEV_ATTR_L2_CACHE_SIZE:
      return known(s.l2_bytes, "L2 cache", value);
    case ACL_DEV_ATTR_NPU_ARCH:
      return known(s.arch, "architecture", value);
    case ACL_DEV_ATTR_PHY_CHIP_ID:
      *value = settings().visible_devices[deviceId];
      return ACL_SUCCESS;
    case ACL_DEV_ATTR_IS_VIRTUAL:
      *value = 0;
      return ACL_SUCCESS;
    default:
      return fail(ACL_ERROR_RT_FEATURE_NOT_SUPPORT,
                  "the simulator does not know device attribute " + std::to_string(attr));
  }
}

aclError aclGetDeviceCapability(uint32_t deviceId, aclDeviceInfo deviceInfo, int64_t* value) {
  switch (deviceInfo) {
    case ACL_DEVICE_INFO_AI_CORE_NUM:
      return aclrtGetDeviceInfo(deviceId, ACL_DEV_ATTR_AICORE_CORE_NUM, value);
    case ACL_DEVICE_INFO_VECTOR_CORE_NUM:
      return aclrtGetDeviceInfo(deviceId, ACL_DEV_ATTR_VECTOR_CORE_NUM, value);
    case ACL_DEVICE_INFO_L2_SIZE:
      return aclrtGetDeviceInfo(deviceId, ACL_DEV_ATTR_L2_CACHE_SIZE, value);
    default:
      return fail(ACL_ERROR_INVALID_PARAM, "unknown device information " + std::to_string(deviceInfo));
  }
}

aclError aclGetCannAttributeList(const aclCannAttr** cannAttrList, size_t* num) {
  NPU_SIM_TRY(require_pointer(cannAttrList, "cannAttrList"));
  NPU_SIM_TRY(require_pointer(num, "num"));
  *cannAttrList = kAttributes;
  *num = std::size(kAttributes);
  return ACL_SUCCESS;
}

aclError aclGetCannAttribute(aclCannAttr cannAttr, int32_t* value) {
  NPU_SIM_TRY(require_pointer(value, "value"));
  NPU_SIM_TRY(ready());
  switch (cannAttr) {
    case ACL_CANN_ATTR_INF_NAN:
      *value = soc().inf_nan();
      return ACL_SUCCESS;
    case ACL_CANN_ATTR_BF16:
      *value = soc().bf16;
      return ACL_SUCCESS;
    case ACL_CANN_ATTR_JIT_COMPILE:
      *value = 0;
      return ACL_SUCCESS;
    default:
      return fail(ACL_ERROR_INVALID_PARAM, "unknown CANN attribute " + std::to_string(cannAttr));
  }
}

aclError aclrtGetRunMode(aclrtRunMode* runMode) {
  NPU_SIM_TRY(require_pointer(runMode, "runMode"));
  *runMode = ACL_HOST;
  return ACL_SUCCESS;
}

aclError aclrtGetVersion(int32_t* majorVersion, int32_t* minorVersion, int32_t* patchVersion) {
  NPU_SIM_TRY(require_pointer(majorVersion, "majorVersion"));
  NPU_SIM_TRY(require_pointer(minorVersion, "minorVersion"));
  NPU_SIM_TRY(require_pointer(patchVersion, "patchVersion"));
  *majorVersion = kMajor;
  *minorVersion = kMinor;
  *patchVersion = kPatch;
  return ACL_SUCCESS;
}

// `versionStr` holds at least ACL_PKG_VERSION_MAX_SIZE bytes.
aclError aclsysGetVersionStr(char* pkgName, char* versionStr) {
  NPU_SIM_TRY(require_pointer(pkgName, "pkgName"));
  NPU_SIM_TRY(require_pointer(versionStr, "versionStr"));
  constexpr std::string_view kPackages[] = {"CANN",    "runtime", "compiler",   "hccl",
                                            "toolkit", "opp",     "opp_kernel", "driver"};
  for (std::string_view name : kPackages)
    if (name == pkgName) {
      std::memcpy(versionStr, kCannVersion, std::strlen(kCannVersion) + 1);
      return ACL_SUCCESS;
    }
  return fail(ACL_ERROR_INVALID_PARAM, std::string("no package is called ") + pkgName);
}

aclError aclsysGetCANNVersion(aclCANNPackageName name, aclCANNPackageVersion* version) {
  NPU_SIM_TRY(require_pointer(version, "version"));
  if (name < ACL_PKG_NAME_CANN || name > ACL_PKG_NAME_DRIVER)
    return fail(ACL_ERROR_INVALID_PARAM, "no package has the number " + std::to_string(name));
  *version = {};
  std::snprintf(version->version, sizeof version->version, "%s", kCannVersion);
  version->majorVersion[0] = kCannVersion[0];
  version->minorVersion[0] = kCannVersion[2];
  version->releaseVersion[0] = kCannVersion[4];
  return ACL_SUCCESS;
}

size_t aclDataTypeSize(aclDataType dataType) {
  switch (dataType) {
    case ACL_INT8:
    case ACL_UINT8:
    case ACL_BOOL:
    case ACL_HIFLOAT8:
    case ACL_FLOAT8_E5M2:
    case ACL_FLOAT8_E4M3FN:
    case ACL_FLOAT8_E8M0:
      return 1;
    case ACL_FLOAT16:
    case ACL_BF16:
    case ACL_INT16:
    case ACL_UINT16:
      return 2;
    case ACL_FLOAT:
    case ACL_INT32:
    case ACL_UINT32:
    case ACL_COMPLEX32:
      return 4;
    case ACL_DOUBLE:
    case ACL_INT64:
    case ACL_UINT64:
    case ACL_COMPLEX64:
      return 8;
    case ACL_COMPLEX128:
      return 16;
    default:
      return 0;  // smaller than a byte, of no fixed size, or unknown
  }
}
