# The build rules that every compiled wheel of this project shares. Included by path:
#   find_package(npu_cann REQUIRED)   # from the installed npu-cann wheel
#
# Defines the targets
#   npu::cann    headers of the CANN ABI
#   npu::flags   language level, warnings, hidden visibility, sanitizers
#   npu::torch   torch's C++ libraries without its Python ones; torch's own pybind11 comes first
#   npu::python  torch_python for extension modules
# and npu_read_torch(), which locates torch without importing it (an import costs a second and runs autoload).
include_guard(GLOBAL)

find_program(NPU_CCACHE ccache)
if(NPU_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NPU_CCACHE})
endif()
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

option(NPU_WERROR "Treat warnings as errors" OFF)
set(NPU_SANITIZE "" CACHE STRING "Sanitizers to build with: address, thread or undefined")

add_library(npu_cann_headers INTERFACE)
add_library(npu::cann ALIAS npu_cann_headers)
target_include_directories(npu_cann_headers INTERFACE "${CMAKE_CURRENT_LIST_DIR}/../include")

add_library(npu_flags INTERFACE)
add_library(npu::flags ALIAS npu_flags)
target_compile_features(npu_flags INTERFACE cxx_std_20)
target_compile_options(npu_flags INTERFACE
  -fvisibility=hidden -fvisibility-inlines-hidden -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers
  $<$<BOOL:${NPU_WERROR}>:-Werror>)
target_link_options(npu_flags INTERFACE -Wl,--as-needed)
if(NPU_SANITIZE)
  # Reports name functions and lines; -O1, since nobody measures these builds and they take long as it is.
  target_compile_options(npu_flags INTERFACE -fsanitize=${NPU_SANITIZE} -fno-omit-frame-pointer -g1 -O1)
  target_link_options(npu_flags INTERFACE -fsanitize=${NPU_SANITIZE})
else()
  target_link_options(npu_flags INTERFACE $<$<CONFIG:Release>:-Wl,-s>)
endif()

# torch's folder, found by the Python that builds.
function(npu_read_torch)
  if(NOT Python_EXECUTABLE)
    find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
  endif()
  execute_process(
    COMMAND "${Python_EXECUTABLE}" -c
            "import importlib.util as u; print(u.find_spec('torch').submodule_search_locations[0])"
    OUTPUT_VARIABLE torch_dir OUTPUT_STRIP_TRAILING_WHITESPACE RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "torch is required to build this wheel, and ${Python_EXECUTABLE} has none: pip install torch==2.13.0")
  endif()
  set(NPU_TORCH_DIR "${torch_dir}" PARENT_SCOPE)
endfunction()

# Makes npu::torch and npu::python.
macro(npu_find_torch)
  find_package(Python REQUIRED COMPONENTS Interpreter Development.Module)
  npu_read_torch()
  add_library(npu_torch INTERFACE)
  add_library(npu::torch ALIAS npu_torch)
  target_include_directories(npu_torch SYSTEM INTERFACE
    "${NPU_TORCH_DIR}/include" "${NPU_TORCH_DIR}/include/torch/csrc/api/include")
  target_link_directories(npu_torch INTERFACE "${NPU_TORCH_DIR}/lib")
  target_link_libraries(npu_torch INTERFACE c10 torch_cpu)
  add_library(npu_python INTERFACE)
  add_library(npu::python ALIAS npu_python)
  target_link_libraries(npu_python INTERFACE npu_torch torch_python Python::Module)
endmacro()
