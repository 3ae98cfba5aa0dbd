"""Tests of libnnopbase and libopapi, by a ctypes client of the C ABI."""
