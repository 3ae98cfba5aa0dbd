"""Every environment variable that npu-profiler reads. `NPU_PROFILER_SOURCE` is read by its library, in source.cpp."""

NPU_PROFILER_SOURCE = "NPU_PROFILER_SOURCE"
"""What times the device: `auto` (default; CANN's libmspti, or events where CANN refuses it), `mspti` (an error where
CANN refuses it), `events` (a pair of CANN's events around every piece of work)."""

LD_PRELOAD = "LD_PRELOAD"
"""Set by `npu profile` for the program that it runs."""
