#include "npu_sim/soc.h"

#include "npu_sim/settings.h"

namespace npu_sim {
namespace {
constexpr SocProfile kSocs[] = {
#include "soc_table.inc"
};
}  // namespace

std::span<const SocProfile> socs() { return kSocs; }

const SocProfile* find_soc(std::string_view name) {
  for (const SocProfile& s : kSocs)
    if (name == s.name) return &s;
  return nullptr;
}

const SocProfile& soc() {
  static const SocProfile& chosen = [&]() -> const SocProfile& {
    const SocProfile* s = find_soc(settings().soc);
    return s ? *s
             : *find_soc("Ascend910B2");  // settings().error refuses the unknown name before this matters
  }();
  return chosen;
}

}  // namespace npu_sim
