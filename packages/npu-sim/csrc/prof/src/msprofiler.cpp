// aclprof*: profiling sessions.
#pragma GCC visibility push(default)
#include "npu/cann/prof.h"
#pragma GCC visibility pop

#include <atomic>
#include <mutex>
#include <set>
#include <string>

#include "npu_sim/activity.h"
#include "npu_sim/error.h"
#include "session.h"

using namespace npu_sim;

struct aclprofConfig : prof::Config {};
struct aclprofStepInfo {
  uint64_t id;
};

namespace {

constexpr const char* kDomain = "aclprof";

// The live objects of a kind: a foreign or destroyed handle is refused instead of read.
template <class T>
struct Live {
  std::mutex mutex;
  std::set<const T*> objects;

  T* add(T* object) {
    std::lock_guard lock(mutex);
    objects.insert(object);
    return object;
  }
  bool has(const T* object) {
    std::lock_guard lock(mutex);
    return objects.count(object) != 0;
  }
  bool remove(const T* object) {
    std::lock_guard lock(mutex);
    return objects.erase(object) != 0;
  }
};

Live<aclprofConfig>& configs() {
  static auto* live = new Live<aclprofConfig>;
  return *live;
}

Live<aclprofStepInfo>& steps() {
  static auto* live = new Live<aclprofStepInfo>;
  return *live;
}

int require(const aclprofConfig* config) {
  if (configs().has(config)) return 0;
  return fail(ACL_ERROR_INVALID_PROFILING_CONFIG, "the profiling config is null, foreign or destroyed");
}

}  // namespace

aclError aclprofInit(const char* profilerResultPath, size_t length) {
  if (!profilerResultPath || length == 0)
    return fail(ACL_ERROR_INVALID_PARAM, "profilerResultPath must name a folder, and length its length");
  return prof::open_session({profilerResultPath, length});
}

aclError aclprofFinalize() { return prof::close_session(); }

aclprofConfig* aclprofCreateConfig(uint32_t* deviceIdList, uint32_t deviceNums,
                                   aclprofAicoreMetrics /*metrics*/, const aclprofAicoreEvents* aicoreEvents,
                                   uint64_t dataTypeConfig) {
  constexpr uint32_t kMost = 64;  // as many as a command to the clients holds
  if ((deviceNums && !deviceIdList) || deviceNums > kMost || aicoreEvents) {
    fail(ACL_ERROR_INVALID_PARAM,
         "a profiling config needs deviceNums devices in deviceIdList, at most 64, and no aicoreEvents");
    return nullptr;
  }
  auto* config = new aclprofConfig;
  if (deviceNums) config->devices.assign(deviceIdList, deviceIdList + deviceNums);
  config->switches = dataTypeConfig;
  return configs().add(config);
}

aclError aclprofDestroyConfig(const aclprofConfig* profilerConfig) {
  if (int code = require(profilerConfig)) return code;
  configs().remove(profilerConfig);
  delete profilerConfig;
  return ACL_SUCCESS;
}

aclError aclprofStart(const aclprofConfig* profilerConfig) {
  if (int code = require(profilerConfig)) return code;
  return prof::start_session(*profilerConfig);
}

aclError aclprofStop(const aclprofConfig* profilerConfig) {
  if (int code = require(profilerConfig)) return code;
  return prof::stop_session();
}

// A session starts in microseconds here: there is nothing to prepare.
aclError aclprofWarmup(const aclprofConfig* profilerConfig) { return require(profilerConfig); }

// All are settings of counters and sensors of the machine, which the simulator does not have.
aclError aclprofSetConfig(aclprofConfigType configType, const char* config, size_t configLength) {
  if (configType <= ACL_PROF_ARGS_MIN || configType >= ACL_PROF_ARGS_MAX || !config || configLength == 0)
    return fail(ACL_ERROR_INVALID_PARAM, "aclprofSetConfig needs a known type and a value");
  return fail(ACL_ERROR_PROF_MODULES_UNSUPPORTED,
              "the simulator has no counters or sensors for profiling option " + std::to_string(configType));
}

// Optional features of the profiler: the simulator has none of them.
aclError aclprofGetSupportedFeatures(size_t* featuresSize, void** featuresData) {
  if (!featuresSize || !featuresData)
    return fail(ACL_ERROR_INVALID_PARAM, "featuresSize and featuresData must not be null");
  *featuresSize = 0;
  *featuresData = nullptr;
  return ACL_SUCCESS;
}

aclError aclprofGetSupportedFeaturesV2(size_t* featuresSize, void** featuresData) {
  return aclprofGetSupportedFeatures(featuresSize, featuresData);
}

// A session sees every device from its first use: there is nothing to register.
aclError aclprofRegisterDeviceCallback() { return ACL_SUCCESS; }

aclprofStepInfo* aclprofCreateStepInfo() {
  static std::atomic<uint64_t> next{1};
  return steps().add(new aclprofStepInfo{next++});
}

void aclprofDestroyStepInfo(aclprofStepInfo* stepinfo) {
  if (steps().remove(stepinfo)) delete stepinfo;
}

aclError aclprofGetStepTimestamp(aclprofStepInfo* stepInfo, aclprofStepTag tag, aclrtStream stream) {
  if (!steps().has(stepInfo))
    return fail(ACL_ERROR_INVALID_PARAM, "the step info is null, foreign or destroyed");
  const auto phase = tag == ACL_STEP_START ? MarkActivity::Phase::start : MarkActivity::Phase::end;
  return mark_activity(phase, "step", kDomain, stepInfo->id, stream);
}

aclError aclprofMarkEx(const char* msg, size_t msgLen, aclrtStream stream) {
  if (!msg || msgLen == 0) return fail(ACL_ERROR_INVALID_PARAM, "msg must be a text of msgLen bytes");
  if (!activity_observer.load()) return ACL_SUCCESS;
  return mark_activity(MarkActivity::Phase::instant, keep_text(msg, msgLen), kDomain, 0, stream);
}
