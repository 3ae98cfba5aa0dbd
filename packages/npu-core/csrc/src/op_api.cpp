// SPDX-License-Identifier: BSD-3-Clause
#include "op_api.h"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "npu/core/env.h"

namespace npu {
namespace fs = std::filesystem;
namespace {

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) {
    part.erase(0, part.find_first_not_of(" \t"));
    part.erase(part.find_last_not_of(" \t\r") + 1);
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

// The vendors of an opp folder, by priority: the `load_priority=` line of vendors/config.ini.
std::vector<std::string> vendors(const std::string& opp) {
  std::ifstream config(opp + "/vendors/config.ini");
  const std::string key = "load_priority=";
  for (std::string line; std::getline(config, line);)
    if (line.starts_with(key)) return split(line.substr(key.size()), ',');
  return {};
}

// Code that another user could have put there is not loaded.
bool trusted(const std::string& path) {
  struct stat s;
  return ::stat(path.c_str(), &s) == 0 && (s.st_uid == ::geteuid() || s.st_uid == 0) &&
         !(s.st_mode & S_IWOTH);
}

// Split operator libraries of newer releases: regular files, a link is an alias of one of them.
std::vector<std::string> split_libraries(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("libopapi_") && name.ends_with(".so") && fs::is_regular_file(entry.symlink_status()))
      found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

}  // namespace

void* open_library(const std::string& path, std::string* error) {
  void* handle = ::dlopen(path.c_str(), RTLD_LAZY | RTLD_LOCAL);
  if (!handle && error) *error = ::dlerror();
  return handle;
}

void* find_symbol(void* handle, const char* name) noexcept {
  if (env().preloaded)
    if (void* symbol = ::dlsym(RTLD_DEFAULT, name)) return symbol;
  return ::dlsym(handle, name);
}

bool OpApi::add(const std::string& path) {
  std::string error;
  if (void* handle = open_library(path, &error)) {
    libraries_.push_back({path, handle});
    return true;
  }
  if (path.find('/') != std::string::npos && ::access(path.c_str(), F_OK) == 0)
    errors_ += (errors_.empty() ? "" : "; ") + error;
  return false;
}

void OpApi::add_custom(const std::string& folder) {
  const std::string path = folder + "/op_api/lib/libcust_opapi.so";
  if (::access(path.c_str(), F_OK) != 0) return;
  if (!trusted(path)) {
    errors_ += (errors_.empty() ? "" : "; ") + path + " belongs to another user or is writable by everyone";
    return;
  }
  add(path);
}

void OpApi::open(const std::string& folder) {
  for (const std::string& entry : split(env().custom_opp_path, ':')) add_custom(entry);
  if (!env().opp_path.empty())
    for (const std::string& vendor : vendors(env().opp_path))
      add_custom(env().opp_path + "/vendors/" + vendor);

  const std::string prefix = folder.empty() ? "" : folder + "/";
  if (!folder.empty())
    for (const std::string& path : split_libraries(folder)) standard_ |= add(path);
  standard_ |= add(prefix + "libopapi.so");
  for (const char* name : {"ops_infer", "ops_train", "math", "sparse", "fft", "rand"})
    standard_ |= add(prefix + "libaclnn_" + name + ".so");
}

void* OpApi::find(const char* name) const noexcept {
  for (const Library& library : libraries_)
    if (void* symbol = find_symbol(library.handle, name)) return symbol;
  return nullptr;
}

std::string OpApi::searched() const {
  std::string text;
  for (const Library& library : libraries_) text += (text.empty() ? "" : ", ") + library.path;
  return text.empty() ? "no library" : text;
}

}  // namespace npu
