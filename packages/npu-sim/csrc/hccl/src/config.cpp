#include "config.h"

#include <atomic>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "communicator.h"

namespace npu_sim::hccl {
namespace {

// CANN's defaults, seconds.
constexpr int kExecTimeout = 1836;
constexpr int kConnectTimeout = 120;

// The first 24 bytes of an HcclCommConfig.
struct ConfigHeader {
  uint64_t size;
  uint32_t magic;
  uint32_t version;
  uint64_t reserved;
};
static_assert(sizeof(ConfigHeader) == sizeof HcclCommConfig::reserved);

std::atomic<int> g_values[HCCL_CONFIG_RESERVED]{};

HcclResult read_number(const char* variable, const char* unit, int least, int* number) {
  const char* text = std::getenv(variable);
  if (!text || !*text) return HCCL_SUCCESS;
  const std::string_view view = text;
  int v = 0;
  auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), v);
  if (error != std::errc{} || end != view.data() + view.size() || v < least)
    return refuse(HCCL_E_PARA, std::string(variable) + " must be a number of " + unit + " from " +
                                   std::to_string(least) + " on, found '" + std::string(view) + "'");
  *number = v;
  return HCCL_SUCCESS;
}

// 0 is "never" to CANN.
std::chrono::milliseconds as_timeout(int seconds) {
  if (seconds == 0) return std::chrono::hours(24 * 365);
  return std::chrono::seconds(seconds);
}

HcclResult check_config(HcclConfig config, const void* value) {
  if (!value) return refuse(HCCL_E_PTR, "configValue is null");
  if (static_cast<uint32_t>(config) >= HCCL_CONFIG_RESERVED)
    return refuse(HCCL_E_PARA, "config must be HCCL_DETERMINISTIC or HCCL_ACCELERATOR");
  return HCCL_SUCCESS;
}

}  // namespace

HcclResult read_options(const char* call, const HcclCommConfig* config, Options* options) {
  int exec = kExecTimeout, connect = kConnectTimeout;
  int buffer = HCCL_COMM_DEFAULT_BUFFSIZE;
  NPU_SIM_HCCL_TRY(read_number("HCCL_EXEC_TIMEOUT", "seconds", 0, &exec));
  NPU_SIM_HCCL_TRY(read_number("HCCL_CONNECT_TIMEOUT", "seconds", 0, &connect));
  NPU_SIM_HCCL_TRY(read_number("HCCL_BUFFSIZE", "MB", 1, &buffer));
  if (config) {
    ConfigHeader header{};
    std::memcpy(&header, config->reserved, sizeof header);
    if (header.magic != HCCL_COMM_CONFIG_MAGIC_WORD || header.version == 0 ||
        header.version > HCCL_COMM_CONFIG_VERSION || header.size > sizeof *config)
      return refuse(HCCL_E_PARA, std::string(call) +
                                     ": the config was not initialised by HcclCommConfigInit: its first "
                                     "bytes must be its size, the magic word and a version from 1 to 10");
    // Callers built with an older header know fewer fields.
    HcclCommConfig full;
    HcclCommConfigInit(&full);
    std::memcpy(reinterpret_cast<char*>(&full) + sizeof header,
                reinterpret_cast<const char*>(config) + sizeof header,
                header.size > sizeof header ? header.size - sizeof header : 0);
    if (full.hcclExecTimeOut != HCCL_COMM_EXECTIMEOUT_CONFIG_NOT_SET) {
      if (full.hcclExecTimeOut < 0)
        return refuse(HCCL_E_PARA, std::string(call) + ": hcclExecTimeOut must not be negative, found " +
                                       std::to_string(full.hcclExecTimeOut));
      exec = full.hcclExecTimeOut;
    }
    if (full.hcclBufferSize != HCCL_COMM_BUFFSIZE_CONFIG_NOT_SET) {
      if (full.hcclBufferSize == 0 || full.hcclBufferSize > INT32_MAX)
        return refuse(HCCL_E_PARA, std::string(call) + ": hcclBufferSize must be at least 1 (MB), found " +
                                       std::to_string(full.hcclBufferSize));
      buffer = static_cast<int>(full.hcclBufferSize);
    }
    options->name.assign(full.hcclCommName, strnlen(full.hcclCommName, sizeof full.hcclCommName));
  }
  options->exec_timeout = as_timeout(exec);
  options->connect_timeout = as_timeout(connect);
  options->buffer_bytes = 2 * (static_cast<uint64_t>(buffer) << 20);
  return HCCL_SUCCESS;
}

}  // namespace npu_sim::hccl

using namespace npu_sim::hccl;

void HcclCommConfigInit(HcclCommConfig* config) {
  if (!config) return;
  std::memset(static_cast<void*>(config), 0, sizeof *config);
  const ConfigHeader header{sizeof *config, HCCL_COMM_CONFIG_MAGIC_WORD, HCCL_COMM_CONFIG_VERSION, 0};
  std::memcpy(config->reserved, &header, sizeof header);
  config->hcclBufferSize = HCCL_COMM_BUFFSIZE_CONFIG_NOT_SET;
  config->hcclDeterministic = HCCL_COMM_DETERMINISTIC_CONFIG_NOT_SET;
  config->hcclRdmaTrafficClass = HCCL_COMM_TRAFFIC_CLASS_CONFIG_NOT_SET;
  config->hcclRdmaServiceLevel = HCCL_COMM_SERVICE_LEVEL_CONFIG_NOT_SET;
  config->hcclExecTimeOut = HCCL_COMM_EXECTIMEOUT_CONFIG_NOT_SET;
  config->hcclQos = HCCL_COMM_QOS_CONFIG_NOT_SET;
  config->hcclSymWinMaxMemSizePerRank = HCCL_DEFAULT_SYMMETRIC_MEMORY_STRIDE;
}

// Every field is known; those that steer links of real hardware change nothing here.
uint32_t HcclGetCommConfigCapability() { return HCCL_COMM_CONFIG_RESERVED; }

// Reductions are deterministic whatever is set.
HcclResult HcclSetConfig(HcclConfig config, HcclConfigValue configValue) {
  NPU_SIM_HCCL_TRY(check_config(config, &configValue));
  g_values[config].store(configValue.value);
  return HCCL_SUCCESS;
}

HcclResult HcclGetConfig(HcclConfig config, HcclConfigValue* configValue) {
  NPU_SIM_HCCL_TRY(check_config(config, configValue));
  configValue->value = g_values[config].load();
  return HCCL_SUCCESS;
}

// One communicator's setting; as for all, it changes nothing.
HcclResult HcclSetCommConfig(HcclComm comm, HcclConfig config, HcclConfigValue configValue) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclSetCommConfig", &c));
  NPU_SIM_HCCL_TRY(check_config(config, &configValue));
  c->settings[config].store(configValue.value);
  return HCCL_SUCCESS;
}

HcclResult HcclGetCommConfig(HcclComm comm, HcclConfig config, HcclConfigValue* configValue) {
  std::shared_ptr<Communicator> c;
  NPU_SIM_HCCL_TRY(find(comm, "HcclGetCommConfig", &c));
  NPU_SIM_HCCL_TRY(check_config(config, configValue));
  configValue->value = c->settings[config].load();
  return HCCL_SUCCESS;
}
