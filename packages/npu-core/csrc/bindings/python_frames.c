/* SPDX-License-Identifier: BSD-3-Clause */
#include "python_frames.h"

#include <Python.h>

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030E0000
#define Py_BUILD_CORE
#include <internal/pycore_frame.h>
#undef Py_BUILD_CORE

typedef struct _PyInterpreterFrame Frame;

/* Frames that the interpreter puts between C and Python have no code of their own. */
static const void* with_code(const Frame* f) {
#if PY_VERSION_HEX >= 0x030C0000
  while (f && f->owner == FRAME_OWNED_BY_CSTACK) f = f->previous;
#endif
  return f;
}

const void* npu_frame_innermost(void) {
  PyThreadState* t = PyGILState_GetThisThreadState();
  if (!t) return 0;
#if PY_VERSION_HEX >= 0x030D0000
  return with_code(t->current_frame);
#else
  return t->cframe ? with_code(t->cframe->current_frame) : 0;
#endif
}

const void* npu_frame_outer(const void* frame) { return with_code(((const Frame*)frame)->previous); }

void* npu_frame_code(const void* frame) {
#if PY_VERSION_HEX >= 0x030D0000
  return ((const Frame*)frame)->f_executable;
#else
  return ((const Frame*)frame)->f_code;
#endif
}

int npu_frame_offset(const void* frame) {
  return _PyInterpreterFrame_LASTI((Frame*)frame) * (int)sizeof(_Py_CODEUNIT);
}

#elif PY_VERSION_HEX < 0x030B0000
#include <frameobject.h>

const void* npu_frame_innermost(void) {
  PyThreadState* t = PyGILState_GetThisThreadState();
  return t ? t->frame : 0;
}

const void* npu_frame_outer(const void* frame) { return ((const PyFrameObject*)frame)->f_back; }

void* npu_frame_code(const void* frame) { return ((const PyFrameObject*)frame)->f_code; }

int npu_frame_offset(const void* frame) { return ((const PyFrameObject*)frame)->f_lasti * 2; }

#else

const void* npu_frame_innermost(void) { return 0; }
const void* npu_frame_outer(const void* frame) { return 0; }
void* npu_frame_code(const void* frame) { return 0; }
int npu_frame_offset(const void* frame) { return 0; }

#endif
