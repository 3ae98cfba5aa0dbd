#include "domains.h"

#include <mutex>
#include <set>

namespace npu_sim::mspti {
namespace {

std::mutex g_mutex;

std::set<std::string>& off() {
  static auto* names = new std::set<std::string>;
  return *names;
}

}  // namespace

void enable_domain(const std::string& name, bool on) {
  std::lock_guard lock(g_mutex);
  if (on)
    off().erase(name);
  else
    off().insert(name);
}

bool domain_enabled(const std::string& name) {
  std::lock_guard lock(g_mutex);
  return !off().count(name);
}

}  // namespace npu_sim::mspti
