#include "npu_sim/settings.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <sstream>
#include <string_view>
#include <tuple>

#include "npu_sim/check.h"
#include "npu_sim/soc.h"
#include "npu_sim/trace.h"
#include "npu_sim/watch.h"

namespace npu_sim {
namespace {

std::optional<std::string> variable(const char* name) {
  const char* v = std::getenv(name);
  return v && *v ? std::optional<std::string>(v) : std::nullopt;
}

std::optional<uint64_t> whole_number(std::string_view text) {
  uint64_t v = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return v;
}

// "512M": a number with an optional K, M, G or T, powers of 1024.
std::optional<uint64_t> bytes(std::string_view text) {
  constexpr std::string_view kSuffixes = "KMGT";
  int shift = 0;
  if (!text.empty())
    if (size_t i = kSuffixes.find(text.back()); i != std::string_view::npos) {
      shift = 10 * static_cast<int>(i + 1);
      text.remove_suffix(1);
    }
  auto v = whole_number(text);
  if (!v || *v > (UINT64_MAX >> shift)) return std::nullopt;
  return *v << shift;
}

int cpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

// CANN reads device numbers up to the first one that is malformed, unknown or repeated, and ignores the rest.
std::vector<int> visible(int devices) {
  std::vector<int> ids;
  const char* list = std::getenv("ASCEND_RT_VISIBLE_DEVICES");
  if (!list) {
    for (int i = 0; i < devices; ++i) ids.push_back(i);
    return ids;
  }
  std::string_view rest = list;
  while (!rest.empty()) {
    size_t comma = rest.find(',');
    std::string_view item = rest.substr(0, comma);
    rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    auto id = whole_number(item);
    if (!id || *id >= static_cast<uint64_t>(devices)) break;
    if (std::find(ids.begin(), ids.end(), static_cast<int>(*id)) != ids.end()) break;
    ids.push_back(static_cast<int>(*id));
  }
  return ids;
}

class Reader {
 public:
  template <class T, class Parse>
  void read(const char* name, T& value, Parse parse, uint64_t low, uint64_t high, const char* expected) {
    auto text = variable(name);
    if (!text) return;
    auto v = parse(*text);
    if (v && *v >= low && *v <= high) {
      value = static_cast<T>(*v);
    } else if (error.empty()) {
      error = std::string(name) + " must be " + expected + ", found '" + *text + "'";
    }
  }
  std::string error;
};

// Two numbers, not negative, with a comma between them.
std::optional<std::pair<double, double>> pair_of_numbers(const std::string& text) {
  std::istringstream in(text);
  double a = -1, b = -1;
  char comma = 0;
  if (!(in >> a >> comma >> b) || comma != ',' || a < 0 || b < 0 || !in.eof()) return std::nullopt;
  return std::pair(a, b);
}

// What looks at kernels, or replaces them.
void read_watches(Reader& in, Settings& s, const SocProfile* soc) {
  auto wrong = [&](const char* name, const std::string& expected, const std::string& found) {
    if (in.error.empty()) in.error = std::string(name) + " must be " + expected + ", found '" + found + "'";
  };
  if (auto text = variable("NPU_SIM_KERNELS")) {
    s.null_kernels = *text == "null";
    if (!s.null_kernels && *text != "real") wrong("NPU_SIM_KERNELS", "real or null", *text);
  }
  if (auto text = variable("NPU_SIM_CALL_COST")) {
    if (auto us = pair_of_numbers(*text)) {
      s.phase_ns[0] = static_cast<int64_t>(us->first * 1000);
      s.phase_ns[1] = static_cast<int64_t>(us->second * 1000);
    } else {
      wrong("NPU_SIM_CALL_COST", "microseconds of both phases such as 3,2.5", *text);
    }
  }
  if (auto text = variable("NPU_SIM_TRACE")) s.trace = *text;
  if (auto text = variable("NPU_SIM_FAULTS"))
    if (std::string error; !parse_faults(*text, &s.faults, &error) && in.error.empty())
      in.error = "NPU_SIM_FAULTS must be " + error;
  if (auto text = variable("NPU_SIM_CHECK"))
    if (!parse_checks(*text, &s.checks)) wrong("NPU_SIM_CHECK", "a list of race, lifetime and init", *text);
  if (soc && soc->fp16_tflops > 0) s.peak_tflops = static_cast<double>(soc->fp16_tflops);
  if (soc && soc->hbm_gbps > 0) s.peak_gbytes = static_cast<double>(soc->hbm_gbps);
  if (auto text = variable("NPU_SIM_PEAK")) {
    auto peaks = pair_of_numbers(*text);
    if (!peaks || peaks->first == 0 || peaks->second == 0)
      wrong("NPU_SIM_PEAK", "TFLOPS and GB/s above 0 such as 376,1600", *text);
    else
      std::tie(s.peak_tflops, s.peak_gbytes) = *peaks;
  }
  if (auto text = variable("NPU_SIM_TIMING")) {
    s.timing = *text == "model";
    if (!s.timing && *text != "host") wrong("NPU_SIM_TIMING", "host or model", *text);
  }
  if (s.timing && (s.peak_tflops <= 0 || s.peak_gbytes <= 0) && in.error.empty())
    in.error = "NPU_SIM_TIMING=model needs NPU_SIM_PEAK=<TFLOPS>,<GB/s> with NPU_SIM_SOC=" + s.soc +
               ": no public source states its peaks";
}

Settings read_settings() {
  Settings s;
  Reader in;
  s.threads = cpus();
  in.read("NPU_SIM", s.devices, whole_number, 0, 64, "a number of devices from 0 to 64");
  in.read("NPU_SIM_THREADS", s.threads, whole_number, 1, 1024, "a number of threads from 1 to 1024");
  in.read("NPU_SIM_SLOTS", s.slots, whole_number, 1, 1024, "a number of kernels from 1 to 1024");
  in.read("NPU_SIM_WARM", s.warm_bytes, bytes, 0, UINT64_MAX, "a number of bytes such as 512M");
  if (auto name = variable("NPU_SIM_SOC")) s.soc = *name;
  const SocProfile* soc = find_soc(s.soc);
  if (!soc && in.error.empty())
    in.error = "NPU_SIM_SOC must name a SoC that npu-sim knows, such as Ascend910B2, found '" + s.soc + "'";
  if (soc && soc->hbm_bytes > 0) s.hbm_bytes = static_cast<uint64_t>(soc->hbm_bytes);
  in.read("NPU_SIM_HBM", s.hbm_bytes, bytes, 1 << 24, 1ULL << 42,
          "a number of bytes from 16M to 4T, such as 8G");
  if (soc && s.hbm_bytes == 0 && in.error.empty())
    in.error = "NPU_SIM_SOC=" + s.soc + " needs NPU_SIM_HBM=<GB>G, for example NPU_SIM_HBM=32G: no public " +
               "source states how much memory " + s.soc + " has, so npu-sim has no device of it";
  read_watches(in, s, soc);
  s.visible_devices = visible(s.devices);
  s.error = std::move(in.error);
  return s;
}

}  // namespace

const Settings& settings() {
  static const Settings* s = [] {
    auto* read = new Settings(read_settings());
    if (!read->faults.empty()) set_faults(read->faults);
    if (read->checks) set_checks(read->checks);
    if (read->timing) {
      watched.fetch_or(kWatchTiming);
      if (read->error.empty())
        std::fprintf(
            stderr,
            "npu-sim: the times of events and profiles are modelled (NPU_SIM_TIMING=model: %g TFLOPS, %g "
            "GB/s); no device was measured\n",
            read->peak_tflops, read->peak_gbytes);
    }
    if (!open_trace(read->trace) && read->error.empty())
      read->error = "NPU_SIM_TRACE must name a file that can be written, found '" + read->trace + "'";
    return read;
  }();
  return *s;
}

}  // namespace npu_sim
