/* SPDX-License-Identifier: BSD-3-Clause
 * This thread's Python frames, read without the GIL.
 *
 * Safe because the thread that owns the frames is the one that reads them, from inside a call into C++:
 * nothing else moves them. Nothing is counted or freed here. CPython has no public call for this (its own
 * take the GIL and make objects), so the fields of its frame are read, by its own headers; a version that
 * this file does not know has no frames. C and not C++, because those headers are C. */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* The innermost frame of this thread that runs Python code, or null. */
const void* npu_frame_innermost(void);
/* The next such frame outwards, or null. */
const void* npu_frame_outer(const void* frame);
/* Its PyCodeObject, borrowed. */
void* npu_frame_code(const void* frame);
/* Its position, a byte offset as PyCode_Addr2Line takes it. */
int npu_frame_offset(const void* frame);

#ifdef __cplusplus
}
#endif
