"""The generator of npu-ops: operator tables in, C++ out. ``python -m codegen --help`` from the package's folder."""
