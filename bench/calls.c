// Host time of npu-sim's own calls, from C: an interpreter between two calls would cost more than they do.
#include <npu/cann/acl.h>
#include <npu/cann/nnopbase.h>
#include <time.h>

typedef aclnnStatus (*First)(const aclTensor*, const aclTensor*, const aclScalar*, aclTensor*, uint64_t*,
                             aclOpExecutor**);
typedef aclnnStatus (*Second)(void*, uint64_t, aclOpExecutor*, aclrtStream);
enum { CALLS = 500, BATCHES = 41 };

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

// µs of a call, the least of the batches' means: [0] the first phase, [1] the second, [2] recording an event.
// 0, or the first code that a call answered.
int measure(First first, Second second, aclError (*record)(aclrtEvent, aclrtStream),
            aclError (*wait)(aclrtStream), const aclTensor* self, const aclTensor* other,
            const aclScalar* alpha, aclTensor* out, aclrtStream stream, aclrtEvent event, double* us) {
  static aclOpExecutor* executors[CALLS];
  uint64_t size = 0;
  int bad = 0;
  us[0] = us[1] = us[2] = 1e9;
  for (int batch = 0; batch < BATCHES && !bad; ++batch) {
    double t[4];
    t[0] = now();
    for (int i = 0; i < CALLS; ++i) bad |= first(self, other, alpha, out, &size, &executors[i]);
    t[1] = now();
    for (int i = 0; i < CALLS && !bad; ++i) bad |= second(0, size, executors[i], stream);
    t[2] = now();
    for (int i = 0; i < CALLS && !bad; ++i) bad |= record(event, stream);
    t[3] = now();
    for (int k = 0; k < 3; ++k)
      if ((t[k + 1] - t[k]) / CALLS < us[k]) us[k] = (t[k + 1] - t[k]) / CALLS;
    bad |= wait(stream);
  }
  return bad;
}
