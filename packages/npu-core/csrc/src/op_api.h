// SPDX-License-Identifier: BSD-3-Clause
// Where CANN's operators are: several libraries, searched in the order that CANN's own users search them.
#pragma once

#include <string>
#include <vector>

namespace npu {

class OpApi {
 public:
  // Opens, in search order: custom operators (ASCEND_CUSTOM_OPP_PATH, then the vendors of ASCEND_OPP_PATH),
  // libopapi_*.so of `folder`, libopapi.so, and the six libaclnn_*.so of older releases. `folder` "" leaves
  // the last three to the dynamic loader. What does not exist is skipped; `errors()` tells what exists but
  // could not be opened.
  void open(const std::string& folder);

  bool empty() const noexcept { return libraries_.empty(); }
  // Whether any library besides the user's custom ones was found.
  bool has_standard() const noexcept { return standard_; }
  const std::string& errors() const noexcept { return errors_; }
  void* find(const char* name) const noexcept;
  // The opened libraries, comma-separated, for messages.
  std::string searched() const;

 private:
  struct Library {
    std::string path;
    void* handle;
  };
  bool add(const std::string& path);
  void add_custom(const std::string& path);

  std::vector<Library> libraries_;
  bool standard_ = false;
  std::string errors_;
};

// dlopen that reports; `error` gets the loader's sentence.
void* open_library(const std::string& path, std::string* error);
// dlsym that lets a preloaded library interpose.
void* find_symbol(void* handle, const char* name) noexcept;

}  // namespace npu
