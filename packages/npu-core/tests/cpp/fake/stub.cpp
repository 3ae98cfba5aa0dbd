// SPDX-License-Identifier: BSD-3-Clause
// A library that only depends on the fake's libascendcl.so: its symbols are found through it.
extern "C" int fake_stub() { return 0; }
