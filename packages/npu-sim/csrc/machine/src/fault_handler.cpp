// A host access to device memory, told from other crashes by its address. Everything the handler calls is
// async-signal-safe.
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>

#include <cstdint>

#include "address_space.h"
#include "npu_sim/memory.h"

namespace npu_sim {
namespace {

struct sigaction previous;

// A line built without allocation.
class Line {
 public:
  Line& text(const char* s) {
    while (*s && length_ < sizeof buffer_) buffer_[length_++] = *s++;
    return *this;
  }
  Line& number(uint64_t v, unsigned base) {
    char digits[24];
    int n = 0;
    do digits[n++] = "0123456789abcdef"[v % base];
    while (v /= base);
    while (n && length_ < sizeof buffer_) buffer_[length_++] = digits[--n];
    return *this;
  }
  void print() const {
    if (write(STDERR_FILENO, buffer_, length_) < 0) return;
  }

 private:
  char buffer_[256];
  size_t length_ = 0;
};

const char* access_kind([[maybe_unused]] void* context) {
#if defined(__x86_64__)
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2 ? "write" : "read";
#else
  return "access";
#endif
}

void describe(uintptr_t address, void* context) {
  Line line;
  uint64_t offset = address - address_range.begin;
  bool shadow = offset >= address_range.size;
  if (shadow) offset -= address_range.size;
  line.text(shadow ? "npu-sim: a kernel's " : "npu-sim: host ").text(access_kind(context));
  line.text(shadow ? " of unmapped device memory at 0x" : " of device memory at 0x");
  line.number(address_range.begin + offset, 16);
  uint64_t device = offset / address_layout.stride;
  if (device < static_cast<uint64_t>(address_layout.devices)) {
    line.text(" (npu:")
        .number(device, 10)
        .text(" + ")
        .number(offset % address_layout.stride, 10)
        .text(" bytes)");
  } else {
    line.text(" (reserved virtual memory)");
  }
  if (!shadow) line.text("; copy it to the host with aclrtMemcpy, or tensor.cpu()");
  line.text("\n").print();
}

void pass_on(int signal, siginfo_t* info, void* context) {
  bool callable = previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN;
  if (!callable) {
    sigaction(signal, &previous, nullptr);  // the access repeats and the default action follows
  } else if (previous.sa_flags & SA_SIGINFO) {
    previous.sa_sigaction(signal, info, context);
  } else {
    previous.sa_handler(signal);
  }
}

void on_fault(int signal, siginfo_t* info, void* context) {
  uintptr_t address = reinterpret_cast<uintptr_t>(info->si_addr);
  bool ours = info->si_code > 0 && address - address_range.begin < address_range.size * 2;
  if (!ours) return pass_on(signal, info, context);
  describe(address, context);
  // Nothing recovers from this: whoever was there before us (faulthandler, the default) gets the repeated
  // access.
  sigaction(signal, &previous, nullptr);
}

}  // namespace

void install_fault_handler() {
  struct sigaction action {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  sigemptyset(&action.sa_mask);
  sigaction(SIGSEGV, &action, &previous);
}

}  // namespace npu_sim
