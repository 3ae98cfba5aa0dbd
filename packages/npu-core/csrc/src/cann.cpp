// SPDX-License-Identifier: BSD-3-Clause
#include "npu/core/cann.h"

#include <c10/util/Exception.h>
#include <dlfcn.h>

#include <atomic>
#include <map>
#include <mutex>

#include "op_api.h"
#include "process.h"

namespace npu {
namespace {

constexpr const char* kReinstall = ": reinstall the CANN toolkit and source its set_env.sh";

struct Loader {
  std::mutex mutex;
  std::optional<std::string> folder;
  std::string reason = "npu-core was not told where CANN is: import torch (or npu_core) before using it.";
  bool tried = false;
  std::string unusable;  // why, after a try that failed
  std::string version;
  Cann table;
  OpApi operators;
  std::map<std::string, void*> libraries;
};

Loader& loader() {
  static Loader* l = new Loader;  // leaked: destructors of static objects may still ask
  return *l;
}

// The table once it is usable. Null again after shutdown and in a forked child, so that one load decides.
std::atomic<const Cann*> g_usable{nullptr};
std::atomic<bool> g_closed{false};
std::atomic<bool> g_chosen{false};
std::atomic<void (*)()> g_selector{nullptr};

std::string path_of(const Loader& l, const char* library) {
  return l.folder->empty() ? library : *l.folder + "/" + library;
}

// An optional symbol that is absent: a function of the same type that raises.
[[noreturn]] void raise_absent(const char* name) {
  const std::string version = cann_version();
  TORCH_CHECK_NOT_IMPLEMENTED(false, name, " is not in this CANN (version ",
                              version.empty() ? "unknown" : version,
                              "): this needs a newer one. `npu info` shows which runtime is in use.");
}

template <class Tag, class F>
struct Absent;
template <class Tag, class R, class... A>
struct Absent<Tag, R (*)(A...)> {
  static R call(A...) { raise_absent(Tag::name); }
};
#define NPU_X(library, symbol)                   \
  struct Tag_##symbol {                          \
    static constexpr const char* name = #symbol; \
  };
NPU_CANN_OPTIONAL(NPU_X)
#undef NPU_X

// Resolves both lists. Answers what is missing, or "".
struct Resolver {
  Loader& l;
  void* acl;
  void* nnop;
  std::string missing;

  void* find_acl(const char* name) const { return find_symbol(acl, name); }
  void* find_nnop(const char* name) const {
    if (nnop)
      if (void* symbol = find_symbol(nnop, name)) return symbol;
    return l.operators.find(name);
  }

  template <class F>
  void required(F& slot, bool& has, void* symbol, const char* name, const char* library) {
    slot = reinterpret_cast<F>(symbol);
    has = symbol != nullptr;
    if (!symbol) missing += (missing.empty() ? "" : ", ") + std::string(name) + " (" + library + ")";
  }

  template <class Tag, class F>
  void optional(F& slot, bool& has, void* symbol) {
    slot = symbol ? reinterpret_cast<F>(symbol) : &Absent<Tag, F>::call;
    has = symbol != nullptr;
  }

  void run() {
#define NPU_LIB_acl "libascendcl.so"
#define NPU_LIB_nnop "libnnopbase.so"
#define NPU_X(library, name) \
  required(l.table.name, l.table.has_##name, find_##library(#name), #name, NPU_LIB_##library);
    NPU_CANN_REQUIRED(NPU_X)
#undef NPU_X
#define NPU_X(library, name) optional<Tag_##name>(l.table.name, l.table.has_##name, find_##library(#name));
    NPU_CANN_OPTIONAL(NPU_X)
#undef NPU_X
  }
};

std::string read_version(const Cann& c) {
  if (c.has_aclsysGetCANNVersion) {
    aclCANNPackageVersion v{};
    if (c.aclsysGetCANNVersion(ACL_PKG_NAME_CANN, &v) == 0 && v.version[0]) return v.version;
  }
  if (c.has_aclsysGetVersionStr) {
    char package[] = "runtime";
    char text[ACL_PKG_VERSION_MAX_SIZE] = {};
    if (c.aclsysGetVersionStr(package, text) == 0 && text[0]) return text;
  }
  if (c.has_aclrtGetVersion) {
    int32_t major = 0, minor = 0, patch = 0;
    if (c.aclrtGetVersion(&major, &minor, &patch) == 0)
      return "acl " + std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  }
  return "";
}

// Loads CANN. Answers why it is unusable, or "".
std::string load(Loader& l) {
  if (!l.folder) return l.reason;
  std::string error;
  void* acl = open_library(path_of(l, "libascendcl.so"), &error);
  if (!acl) return "CANN's libascendcl.so could not be loaded (" + error + ")" + kReinstall;
  l.libraries["libascendcl.so"] = acl;
  l.operators.open(*l.folder);
  std::string nnop_error;
  void* nnop = open_library(path_of(l, "libnnopbase.so"), &nnop_error);
  l.libraries["libnnopbase.so"] = nnop;

  Resolver resolver{l, acl, nnop, ""};
  resolver.run();
  l.version = read_version(l.table);
  if (!resolver.missing.empty())
    return "CANN" + (l.version.empty() ? "" : " " + l.version) + " in " +
           (l.folder->empty() ? "the library search path" : *l.folder) + " has no symbol " +
           resolver.missing + ", which npu-core needs" + (nnop ? "" : " (" + nnop_error + ")") +
           ": install CANN 8.0 or newer, which has it, and source its set_env.sh";
  if (!l.operators.has_standard())
    return "CANN's operator library libopapi.so could not be loaded from " +
           (l.folder->empty() ? "the library search path" : *l.folder) + " (" +
           (l.operators.errors().empty() ? "it does not exist" : l.operators.errors()) +
           "): install the CANN operator package of this chip beside the toolkit" +
           (l.version.empty() ? "" : " " + l.version) + " and source its set_env.sh";
  return "";
}

// Loads once. Answers whether CANN is usable now.
bool ensure_loaded() {
  if (g_usable.load(std::memory_order_acquire)) return true;
  if (detail::cann_closed() || in_bad_fork()) return false;
  // Without our lock: the selector takes the GIL, whose holder may be waiting for us.
  if (auto selector = g_selector.load(std::memory_order_acquire); selector && !g_chosen.load()) selector();
  Loader& l = loader();
  std::lock_guard lock(l.mutex);
  if (!l.tried) {
    l.unusable = load(l);
    // Without a folder nothing was tried: a provider may still be set.
    l.tried = l.folder.has_value();
    if (l.unusable.empty()) g_usable.store(&l.table, std::memory_order_release);
  }
  return g_usable.load(std::memory_order_acquire) != nullptr;
}

}  // namespace

void set_runtime(std::optional<std::string> library_dir, std::string reason) {
  Loader& l = loader();
  std::lock_guard lock(l.mutex);
  TORCH_CHECK(
      !l.tried,
      "the runtime cannot be changed after CANN was loaded: set NPU_RUNTIME before the first use of npu");
  l.folder = std::move(library_dir);
  l.reason = std::move(reason);
  g_chosen.store(true, std::memory_order_release);
}

void set_runtime_selector(void (*selector)()) noexcept {
  g_selector.store(selector, std::memory_order_release);
}

const Cann& cann() {
  if (const Cann* c = g_usable.load(std::memory_order_acquire); C10_LIKELY(c != nullptr)) return *c;
  if (ensure_loaded()) return *g_usable.load(std::memory_order_acquire);
  TORCH_CHECK(!in_bad_fork(), kBadFork);
  if (detail::cann_closed()) refuse_after_shutdown();
  TORCH_CHECK(false, "no usable NPU runtime. ", cann_reason().value_or(""), " (see `npu doctor`)");
}

bool cann_usable() noexcept {
  try {
    return ensure_loaded();
  } catch (...) {
    return false;
  }
}

std::optional<std::string> cann_reason() {
  if (cann_usable()) return std::nullopt;
  if (in_bad_fork()) return kBadFork;
  if (detail::cann_closed()) return "the NPU runtime was shut down";
  Loader& l = loader();
  std::lock_guard lock(l.mutex);
  return l.unusable;
}

std::string cann_version() {
  Loader& l = loader();
  std::lock_guard lock(l.mutex);
  return l.version;
}

void* cann_symbol(const char* library, const char* name) noexcept {
  if (!cann_usable()) return nullptr;
  try {
    Loader& l = loader();
    std::lock_guard lock(l.mutex);
    auto [it, fresh] = l.libraries.try_emplace(library, nullptr);
    if (fresh) it->second = open_library(path_of(l, library), nullptr);
    return it->second ? find_symbol(it->second, name) : nullptr;
  } catch (...) {
    return nullptr;
  }
}

void* operator_symbol(const char* name) noexcept {
  return cann_usable() ? loader().operators.find(name) : nullptr;
}

std::string operator_libraries() { return loader().operators.searched(); }

namespace detail {
void close_cann() noexcept {
  g_closed.store(true, std::memory_order_release);
  g_usable.store(nullptr, std::memory_order_release);
}
void forget_cann() noexcept { g_usable.store(nullptr, std::memory_order_release); }
bool cann_closed() noexcept { return g_closed.load(std::memory_order_acquire); }
}  // namespace detail

}  // namespace npu
