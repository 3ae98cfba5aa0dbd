# npu_sim_traced(TARGET [HEADER...]) puts every C function of a library behind one that NPU_SIM_TRACE sees; see
# codegen/traced_calls.py. The headers are those whose functions the library defines by macro, all of them.
function(npu_sim_traced target)
  set(generator "${PROJECT_SOURCE_DIR}/codegen/traced_calls.py")
  get_target_property(given ${target} SOURCES)
  set(sources "")
  foreach(source ${given})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY "${CMAKE_CURRENT_SOURCE_DIR}")
    list(APPEND sources "${source}")
  endforeach()
  set(calls "${CMAKE_CURRENT_BINARY_DIR}/${target}_traced.cpp")
  set(renamed "${CMAKE_CURRENT_BINARY_DIR}/${target}_renamed.h")
  add_custom_command(
    OUTPUT "${calls}" "${renamed}"
    COMMAND "${Python_EXECUTABLE}" "${generator}" "${calls}" "${renamed}" ${sources} ${ARGN}
    DEPENDS "${generator}" "${PROJECT_SOURCE_DIR}/codegen/traced_arrays.yaml" ${sources}
    VERBATIM)
  target_sources(${target} PRIVATE "${calls}" "${renamed}")
  target_compile_options(${target} PRIVATE "SHELL:-include \"${renamed}\"")
  set_source_files_properties("${calls}" PROPERTIES COMPILE_DEFINITIONS NPU_SIM_TRACED_CALLS)
endfunction()
